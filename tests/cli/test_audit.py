"""`wardlight audit` against a running server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.test_kill import free_port, serve

FIRST, SECOND, THIRD = (f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (5, 4, 3))
"""Days within the retention."""


def access(patient: str, user: str, recorded: str, **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "AuditEvent", "type": {"code": "110110"}, "action": "R", "recorded": recorded, "outcome": "0",
        "agent": [{"who": {"reference": f"Practitioner/{user}"}, "name": "Ann\x1b[31m", "requestor": True}],
        "source": {"observer": {"display": "portal"}},
        "entity": [{"what": {"reference": f"Patient/{patient}"}}, {"what": {"reference": "Observation/4"}}], **fields,
    }  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    child = serve(tmp_path_factory.mktemp("audit") / "data", port)
    address = f"http://127.0.0.1:{port}"
    emergency = [{"coding": [{"code": "ETREAT"}]}]
    for event in (
        access("17", "u7", f"{FIRST}T12:00:00Z"),
        access("17", "u8", f"{SECOND}T12:00:00Z", purposeOfEvent=emergency),
        access("18", "u7", f"{THIRD}T12:00:00Z", entity=[{"what": {"reference": "Patient/18"}}]),
    ):
        assert httpx.post(f"{address}/fhir/AuditEvent", json=event).status_code == 201
    yield address
    child.send_signal(signal.SIGTERM)
    child.wait(60)


def audit(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wardlight", "audit", *arguments, "--url", url]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def indices(url: str, *arguments: str) -> list[int]:
    return [json.loads(line)["index"] for line in audit(url, *arguments, "--json").stdout.splitlines()]


def test_who_opened_a_record_is_a_table(url: str) -> None:
    head, first, second = audit(url, "who", "17").stdout.splitlines()
    assert head.split() == ["time", "user", "action", "record", "patient", "purpose", "outcome", "from", "index"]
    assert ("(u8)" in first, "(u7)" in second) == (True, True)
    assert "emergency treatment" in first


def test_nothing_that_a_terminal_would_obey_is_printed(url: str) -> None:
    assert "\x1b" not in audit(url, "who", "17").stdout


def test_each_question_has_its_answer(url: str) -> None:
    assert indices(url, "who", "17") == [1, 0]
    assert indices(url, "user", "u7") == [2, 0]
    assert indices(url, "record", "Observation/4") == [1, 0]
    assert indices(url, "break-glass") == [1]
    assert indices(url, "who", "17", "--since", SECOND) == [1]
    assert indices(url, "who", "17", "--until", FIRST) == [0]
    assert indices(url, "who", "17", "--since", "1d") == []
    assert audit(url, "who", "nobody").stdout == "nothing is recorded\n"


def test_what_is_beyond_the_limit_is_told(url: str) -> None:
    done = audit(url, "who", "17", "--limit", "1")
    assert (len(done.stdout.splitlines()), "--limit" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [
        (["csv"], b"time,received"),
        (["bundle"], b'{"resourceType":"Bundle"'),
        (["pdf"], b"%PDF"),
        (["pdf", "--proofs"], b"%PDF"),
    ],
)
def test_an_answer_is_written_to_a_file(url: str, tmp_path: Path, arguments: list[str], begin: bytes) -> None:
    done = audit(url, "export", "17", "--format", *arguments, "-o", str(tmp_path / "out"))
    assert (done.returncode, (tmp_path / "out").read_bytes().startswith(begin)) == (0, True), done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_proofs_come_in_a_zip(url: str, tmp_path: Path) -> None:
    assert audit(url, "export", "17", "--proofs", "-o", str(tmp_path / "out.zip")).returncode == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["audit.csv", "proofs/1.tlog-proof", "proofs/0.tlog-proof", "README.txt"]


def test_a_time_that_makes_no_sense_exits_with_65(url: str) -> None:
    done = audit(url, "who", "17", "--since", "yesterday")
    assert (done.returncode, "a date is written as" in done.stderr) == (65, True)


def test_a_server_that_is_away_exits_with_69_and_leaves_no_file(tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    assert audit(away, "who", "17").returncode == 69
    assert audit(away, "export", "17", "-o", str(tmp_path / "out")).returncode == 69
    assert list(tmp_path.iterdir()) == []
