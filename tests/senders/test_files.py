"""`wardlight ingest`: old files to a running server, once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.senders.conftest import Door, environment

COMMAND = [sys.executable, "-m", "wardlight", "ingest"]


def start(door: Door, *arguments: object) -> subprocess.Popen[str]:
    state = door.directory / "state.json"
    command = [*COMMAND, *map(str, arguments), "--url", door.url, "--state", str(state), "--json"]
    # A background job's children ignore SIGINT: this one must hear it wherever the tests are run.
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 -- it only calls the kernel
    )  # fmt: skip


def ingest(door: Door, *arguments: object, code: int = 0) -> dict[str, Any]:
    out, err = start(door, *arguments).communicate(timeout=60)
    process = json.loads(out) if out else {"stderr": err}
    assert process.get("stderr", "") == "" or code, err
    return dict(process)


def lines(path: Path, count: int, first: int = 0) -> Path:
    with path.open("a") as file:
        for at in range(first, first + count):
            file.write(f"2026-01-01 00:00:{at % 60:02},{at % 1000:03} - clinic - INFO - line {at:06}\n")
    return path


def test_the_documented_command_sends_files_of_different_formats(door: Door) -> None:
    combined = '10.0.0.1 - - [31/Dec/2025:23:00:00 +0100] "GET /a HTTP/1.1" 200 17 "-" "curl/8"\n'
    access = door.directory / "access.log.1"
    access.write_text(combined)
    subprocess.run(["gzip", str(access)], check=True, timeout=10)
    (door.directory / "postgresql.log").write_text("2025-12-31 22:00:00.123 UTC [71] LOG:  database system is ready\n")
    words = door.documented("Old files").split()
    command = [*COMMAND, *words[2:], "--url", door.url, "--state", str(door.directory / "state.json")]
    done = subprocess.run(command, cwd=door.directory, env=environment(), timeout=60, check=True, capture_output=True)
    assert done.stdout.decode().splitlines() == [
        "access.log.1.gz: combined, 1 entries kept", "postgresql.log: postgresql, 1 entries kept",
    ]  # fmt: skip
    web, database = door.records(2)
    assert (web["body"], web["attributes"]["client_address"]) == (combined.strip(), "10.0.0.1")
    assert (database["body"], database["labels"]["service_name"]) == ("database system is ready", "postgresql")
    assert {row["labels"]["deployment_environment"] for row in (web, database)} == {"production"}


def test_what_was_sent_is_not_sent_again_and_what_was_added_is(door: Door) -> None:
    path = lines(door.directory / "app.log", 2500)
    assert ingest(door, path)["accepted"] == 2500
    assert ingest(door, path)["entries"] == 0
    lines(path, 10, 2500)
    renamed = path.rename(door.directory / "app.log.1")
    report = ingest(door, renamed)
    assert (report["accepted"], report["files"][0]["resumed_at"] > 0) == (10, True)
    assert next(row["body"] for row in door.records(2510)) == "line 000000"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on_and_nothing_is_there_twice(door: Door, how: signal.Signals) -> None:
    path = lines(door.directory / "app.log", 100_000)
    state = door.directory / "state.json"
    process = start(door, path)
    until = time.monotonic() + 30
    while not state.exists() and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, how)
    process.communicate(timeout=30)
    assert process.returncode != 0, "it was quicker than we are"
    report = ingest(door, path)
    assert 0 < report["accepted"] < 100_000
    bodies = door.store.select("SELECT count() AS rows, uniqExact(body) AS bodies FROM logs").to_pylist()
    assert bodies == [{"rows": 100_000, "bodies": 100_000}]


def test_entries_that_are_refused_are_named_and_the_rest_is_kept(door: Door) -> None:
    path = door.directory / "app.json"
    path.write_text('{"time":"2026-01-01T00:00:00Z","msg":"good"}\n{"time":"soon","msg":"bad"}\n')
    report = ingest(door, path, code=65)
    assert (report["accepted"], report["refused"]) == (1, 1)
    assert report["files"][0]["reasons"] == [
        "entry 2 has a time that can't be read; use ISO 8601 or a number since 1970"
    ]


def test_a_file_that_can_not_be_read_does_not_stop_the_others(door: Door) -> None:
    good = lines(door.directory / "good.log", 1)
    (door.directory / "bad.log").write_text("what is this?\n")
    report = ingest(door, door.directory / "bad.log", good, door.directory / "nowhere.log", code=65)
    assert [bool(file["problem"]) for file in report["files"]] == [True, False, True]
    assert report["accepted"] == 1


def test_without_a_server_it_says_so(door: Door) -> None:
    path = lines(door.directory / "good.log", 1)
    command = [*COMMAND, str(path), "--url", "http://127.0.0.1:1", "--state", str(door.directory / "state.json")]
    done = subprocess.run(command, capture_output=True, timeout=60, env=environment(), check=False)
    assert (done.returncode, b"no Wardlight answers at http://127.0.0.1:1" in done.stderr) == (69, True)
