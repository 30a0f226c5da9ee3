from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from wardlight.stack.layout import Layout, default_data, unprivileged

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def test_the_environment_chooses_the_data_directory() -> None:
    assert default_data({"WARDLIGHT_DATA": "/somewhere"}) == Path("/somewhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root has the system's place")
def test_a_user_has_data_of_their_own() -> None:
    assert default_data({"XDG_DATA_HOME": "/home/me/data"}) == Path("/home/me/data/wardlight")


def test_logs_are_for_the_owner_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.make()
    assert layout.logs.stat().st_mode & 0o777 == 0o700
    assert layout.stack.stat().st_mode & 0o777 == 0o711


@AS_ROOT
def test_a_user_who_can_pass_is_taken() -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o711)
        found = unprivileged(Path(open_to_all), "no-such-user", "nobody")
    assert found is not None
    assert found.pw_name == "nobody"


@AS_ROOT
def test_a_user_who_is_shut_out_is_not(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert unprivileged(closed, "nobody") is None
