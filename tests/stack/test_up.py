from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from tests.running import Installation

pytestmark = pytest.mark.stack


def eventually(true: Callable[[], object], seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.wardlight("down")


def test_up_status_and_down_from_first_to_last(installation: Installation) -> None:
    up = installation.wardlight("up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "all is healthy" in up.stdout

    report = installation.status()
    assert report["healthy"]
    assert {part["name"] for part in report["parts"]} >= {"wardlight", "prometheus", "alertmanager", "node_exporter"}
    assert all(target["healthy"] for target in report["targets"])

    again = installation.wardlight("up", "--detach")
    assert again.returncode == 75
    assert f"in use by process {report['supervisor']}" in again.stderr

    down = installation.wardlight("down")
    assert down.returncode == 0
    assert "stopped wardlight" in down.stdout
    assert installation.processes() == []

    assert installation.wardlight("status").returncode == 69
    down = installation.wardlight("down")
    assert (down.returncode, down.stdout) == (0, f"nothing runs in {installation.data}\n")


def test_with_tls_every_part_trusts_the_servers_certificate(installation: Installation, tmp_path: Path) -> None:
    both = tmp_path / "server.pem"
    both.touch(mode=0o600)
    trustme.CA().issue_cert("watch.example").private_key_and_cert_chain_pem.write_to_path(both)
    text = installation.settings.read_text()
    installation.settings.write_text(text.replace("[server]\n", f'[server]\ncertificate = "{both}"\n'))
    up = installation.wardlight("up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    report = installation.status()
    assert report["healthy"]
    assert {target["job"] for target in report["targets"]} >= {"wardlight", "prometheus", "alertmanager"}
    assert "Wardlight: https://" in up.stdout
    assert f"become the administrator at the address in {installation.data}/first-sign-in" in up.stdout


def test_too_weak_settings_are_told_before_anything_starts(installation: Installation) -> None:
    text = installation.settings.read_text()
    installation.settings.write_text(text.replace('listen = "127.0.0.1', 'listen = "0.0.0.0'))
    for more in ((), ("--demo",)):
        up = installation.wardlight("up", "--detach", *more)
        assert up.returncode == 78
        assert f"{installation.settings}:2: setting server.listen" in up.stderr
    assert installation.processes() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_outlives_a_supervisor_that_is_killed(installation: Installation) -> None:
    assert installation.wardlight("up", "--detach").returncode == 0
    os.kill(installation.status()["supervisor"], signal.SIGKILL)
    eventually(lambda: not installation.processes())


def test_a_taken_port_is_told_before_anything_starts(installation: Installation) -> None:
    port = installation.ports["prometheus_port"]
    with socket.create_server(("127.0.0.1", port)):
        up = installation.wardlight("up", "--detach")
    assert up.returncode == 75
    assert f"port {port} (prometheus) is in use by process {os.getpid()}" in up.stderr
    assert "stack.prometheus_port" in up.stderr
    assert not (installation.data / "log" / "alertmanager.log").exists()


def test_a_wrong_setting_is_told_with_its_line(installation: Installation) -> None:
    with installation.settings.open("a") as settings:
        settings.write("app_port = 99999999\n")
    up = installation.wardlight("up", "--detach")
    assert up.returncode == 78
    assert str(installation.settings) in up.stderr
