"""`docs/audit.md` says what is, and its examples work."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Loki
from tests.faults.test_kill import free_port

from wardlight.api.fhir_params import SEARCHES
from wardlight.audit import dicom, fhir
from wardlight.audit.accounting import MOST
from wardlight.audit.export import COLUMNS
from wardlight.cli.audit import audit
from wardlight.config import Settings, load
from wardlight.receive import syslog

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
PORT = free_port()


@pytest.fixture(scope="module")
def loki_settings() -> Settings:
    return load(None, {"WARDLIGHT_RECEIVE_SYSLOG_UDP": f"127.0.0.1:{PORT}"})


def block(language: str, having: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(each for each in blocks if having in each)


def table(heading: str) -> list[str]:
    """List the first cells of the table below some words."""
    rows = PAGE.partition(heading)[2].strip().split("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1].strip().strip("`") for row in rows]


def accesses(server: Loki, patient: str) -> list[Any]:
    """Ask who opened a record, until somebody did: senders don't wait for an answer."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = server.client.get("/api/v1/audit", params={"patient": patient}).json()["entries"]
        if found:
            return list(found)
        time.sleep(0.2)
    return []


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Reports as FHIR:", fhir.DEVIATIONS),
        ("Reports as DICOM audit messages (ATNA):", dicom.DEVIATIONS),
        ("What carried them, where that was syslog:", filter(None, syslog.DEVIATIONS)),
    ],
)
def test_every_deviation_is_explained(heading: str, words: Any) -> None:
    assert table(heading) == list(words)


def test_every_column_is_explained() -> None:
    named = [name for cell in table("## What the columns mean") for name in cell.split(", ")]
    assert sorted(named) == sorted(COLUMNS)


def test_every_search_is_named() -> None:
    said = PAGE.partition("IHE ITI-81")[2].partition("newest first")[0]
    assert set(re.findall(r"`([\w.-]+)`", said)) == set(SEARCHES)


def test_the_bound_of_the_paper_is_true() -> None:
    assert f"at most\n{MOST:,} lines" in PAGE


def test_the_commands_exist() -> None:
    named = set(re.findall(r"wardlight audit ([\w-]+)", PAGE))
    assert named == set(audit.commands)


def test_fhir_as_shown_is_found_again(loki: Loki) -> None:
    body = json.loads(re.findall(r"-d '(.*?)'\n", block("sh", "curl"), re.DOTALL)[0])
    assert loki.client.post("/fhir/AuditEvent", json=body).status_code == 201
    (row,) = accesses(loki, "fhir-17")
    assert (row["user"], row["purpose"], row["from"], row["deviation"]) == ("dr-moor", "treatment", "10.0.0.7", "")


def test_atna_as_shown_is_found_again(loki: Loki) -> None:
    message = block("text", "IHE+RFC-3881").strip()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(message.encode(), ("127.0.0.1", PORT))
    (row,) = accesses(loki, "atna-17")
    assert (row["user"], row["action"], row["from"], row["deviation"]) == ("dr-moor", "read", "10.0.0.7", "")


def test_the_sdk_as_shown_is_found_again(loki: Loki) -> None:
    script = block("python", "record_access").replace("8480", str(loki.port))
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    (row,) = accesses(loki, "sdk-17")
    assert (row["user"], row["role"], row["record_type"], row["record"]) == ("dr-moor", "doctor", "Observation", "4")
    assert row["deviation"] == ""
