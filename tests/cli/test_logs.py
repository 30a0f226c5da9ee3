"""`wardlight logs` against a running server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.faults.test_kill import free_port, serve


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    child = serve(tmp_path_factory.mktemp("logs") / "data", port)
    address = f"http://127.0.0.1:{port}"
    push(address, "level=error the printer is out of ink")
    yield address
    child.send_signal(signal.SIGTERM)
    child.wait(60)


def push(url: str, line: str) -> None:
    values = [[str(time.time_ns()), line]]
    body = {"streams": [{"stream": {"app": "clinic"}, "values": values}]}
    assert httpx.post(f"{url}/loki/api/v1/push", json=body).status_code == 204


def logs(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wardlight", "logs", *arguments, "--url", url]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def test_lines_are_shown_without_colours_where_there_is_no_terminal(url: str) -> None:
    done = logs(url, '{app="clinic"} |= "ink"')
    assert (done.returncode, done.stdout.count("out of ink"), "\x1b" in done.stdout) == (0, 1, False)


def test_a_script_reads_json_or_the_bare_lines(url: str) -> None:
    (found,) = logs(url, '{app="clinic"} |= "ink"', "--output", "json").stdout.splitlines()
    assert json.loads(found)["labels"]["level"] == "error"
    assert logs(url, '{app="clinic"} |= "ink"', "--output", "raw").stdout == "level=error the printer is out of ink\n"


def test_a_query_that_makes_no_sense_exits_with_65_and_its_place(url: str) -> None:
    done = logs(url, "{app=")
    assert (done.returncode, "line 1, col 6" in done.stderr) == (65, True)


def test_a_server_that_is_away_exits_with_69() -> None:
    assert logs(f"http://127.0.0.1:{free_port()}", '{app="clinic"}').returncode == 69


def test_new_lines_are_followed(url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wardlight", "logs", '{app="clinic"}', "--follow", "--output", "raw", "--url", url]
    with (tmp_path / "out").open("w") as out:
        child = subprocess.Popen(command, stdout=out)
        try:
            deadline = time.monotonic() + 20
            while "out of ink" not in (tmp_path / "out").read_text():
                assert time.monotonic() < deadline
                time.sleep(0.1)
            push(url, "and paper")
            while "and paper" not in (tmp_path / "out").read_text():
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            child.kill()
            child.wait()
