from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from wardlight.problems import BadConfig, Conflict
from wardlight.stack import ports
from wardlight.stack.plan import Part

SETTINGS = Path("wardlight.toml")


def part(name: str, port: int) -> Part:
    return Part(name=name, command=("true",), address=f"127.0.0.1:{port}", setting=f"stack.{name}_port")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as open_one:
        yield open_one


def test_a_taken_port_is_told_with_its_holder_and_its_setting(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(Conflict) as caught:
        ports.check([part("prometheus", port)], SETTINGS)
    said = str(caught.value)
    assert f"port {port} (prometheus) is in use by process {os.getpid()}" in said
    assert "stack.prometheus_port" in said


def test_all_taken_ports_are_told_at_once(listener: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(Conflict) as caught:
        ports.check([part("a", listener.getsockname()[1]), part("b", other.getsockname()[1])], SETTINGS)
    assert str(caught.value).count("is in use by") == 2


def test_a_free_port_is_fine(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    ports.check([part("prometheus", port)], SETTINGS)


def test_one_port_for_two_is_refused() -> None:
    with pytest.raises(BadConfig, match=r"stack\.a_port and stack\.b_port both ask for port 1234"):
        ports.check([part("a", 1234), part("b", 1234)], SETTINGS)
