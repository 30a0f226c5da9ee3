"""The week that the demo pretends to have had."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from wardlight.stack import history
from wardlight.stack.programs import find

NOW = 1_767_225_600


@pytest.mark.stack
def test_prometheus_knows_the_same_hour_a_week_ago(tmp_path: Path) -> None:
    history.invent(tmp_path, NOW)
    command = [str(find("promtool")), "tsdb", "analyze", str(tmp_path / "data")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"Series: {len(history.PACE) + 1}\n" in told


@pytest.mark.stack
def test_what_prometheus_has_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    history.invent(tmp_path, NOW)
    assert not list((tmp_path / "data").iterdir())


def test_it_is_the_same_for_the_same_moment_and_ends_before_it() -> None:
    told = list(history.lines(NOW))
    assert told == list(history.lines(NOW))
    moments = [int(line.split()[-1]) for line in told if line.startswith("job:")]
    assert max(moments) < NOW
    assert min(moments) <= NOW - 7 * 86400 - 3600
