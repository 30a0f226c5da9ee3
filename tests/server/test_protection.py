"""What identifies a patient, and secrets, are nowhere in what the server writes, whatever way they came and however."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.server.conftest import Start

from wardlight.config import Protect, Receive, Settings
from wardlight.protect.keys import KEYS, Keys

EMAIL = "zaphod.beeblebrox@heart-of-gold.example"
NHS = "943 476 5919"
TOKEN = "ghp_" + "Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz9Xcv"
LINE = f"mail to {EMAIL} about NHS number {NHS}, push with {TOKEN}"
MARKS = (EMAIL, NHS, NHS.replace(" ", ""), TOKEN)


def otlp() -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = LINE
    record.attributes.add(key="user.email").value.string_value = EMAIL
    record.attributes.add(key="note").value.string_value = f"push with {TOKEN}"
    return request.SerializeToString()


LOKI = {
    "streams": [{"stream": {"app": "x", "owner": EMAIL}, "values": [["1767225600000000000", LINE, {"mail": EMAIL}]]}]
}
BULK = json.dumps({"create": {}}) + "\n" + json.dumps({"message": LINE, "contact": {"email": EMAIL}}) + "\n"
AUDIT = {
    "resourceType": "AuditEvent", "recorded": "2026-01-01T00:00:00Z", "outcomeDesc": f"called with {TOKEN}",
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"},
    "agent": [{"requestor": True, "name": "Ford"}], "source": {"observer": {"display": "ehr"}},
}  # fmt: skip
WAYS = {
    "OTLP": ("/v1/logs", otlp(), "application/x-protobuf"),
    "OTLP, damaged": ("/v1/logs", otlp()[:-3], "application/x-protobuf"),
    "OTLP, JSON that isn't": ("/v1/logs", f'{{"resourceLogs": [{{"x": "{LINE}" oops'.encode(), "application/json"),
    "Loki": ("/loki/api/v1/push", json.dumps(LOKI).encode(), "application/json"),
    "Loki, wrong types": (
        "/loki/api/v1/push",
        json.dumps({"streams": [{"stream": LINE}]}).encode(),
        "application/json",
    ),
    "NDJSON": ("/api/v1/ingest", json.dumps({"message": LINE, "email": EMAIL}).encode(), "application/x-ndjson"),
    "NDJSON, damaged": ("/api/v1/ingest", f'{{"message": "{LINE}\n'.encode(), "application/x-ndjson"),
    "bulk": ("/_bulk", BULK.encode(), "application/x-ndjson"),
    "bulk, damaged": ("/_bulk", BULK[:-9].encode(), "application/x-ndjson"),
    "FHIR": ("/fhir/AuditEvent", json.dumps(AUDIT).encode(), "application/fhir+json"),
    "FHIR, damaged": ("/fhir/AuditEvent", json.dumps(AUDIT)[:-5].encode(), "application/fhir+json"),
}
"""Path, body, content type."""


@pytest.mark.parametrize("way", WAYS)
def test_it_writes_no_identifier_and_no_secret(
    server: TestClient, tmp_path: Path, way: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path, body, kind = WAYS[way]
    answer = server.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code < 500
    if "damaged" in way or "isn't" in way or "wrong" in way:
        assert not marks(answer.text)
    if way != "FHIR":
        assert not marks(shown(server))
    assert not marks(written(tmp_path / "data"))
    assert not marks("".join(capfd.readouterr()) + caplog.text)


def test_a_query_shows_what_stands_in_their_place(server: TestClient) -> None:
    path, body, kind = WAYS["OTLP"]
    server.post(path, content=body, headers={"Content-Type": kind})
    (line,) = (value[1] for stream in json.loads(shown(server)) for value in stream["values"])
    assert line.startswith("mail to [email] about NHS number pseudo:nhs:k1:")
    assert line.endswith("push with [secret]") or "[" in line.rpartition("with ")[2]


def test_what_was_removed_is_told_by_path_and_kind(server: TestClient) -> None:
    path, body, kind = WAYS["OTLP"]
    server.post(path, content=body, headers={"Content-Type": kind})
    (stream,) = json.loads(shown(server))
    note = stream["stream"]["wardlight_protected"]
    assert "body:email" in note
    assert "attributes.user_email:email" in note
    assert 'wardlight_protected_total{action="mask",kind="email"} 2.0' in server.get("/metrics").text


def test_pseudonyms_are_those_of_the_key_file_that_the_first_start_makes(start: Start, tmp_path: Path) -> None:
    path, body, kind = WAYS["OTLP"]
    start(Settings()).post(path, content=body, headers={"Content-Type": kind})
    file = tmp_path / "data" / KEYS
    assert file.stat().st_mode & 0o777 == 0o600
    again = start(Settings())
    assert Keys.read(file).pseudonym("nhs", NHS) in shown(again)


def test_it_can_be_turned_off_for_systems_without_patients(start: Start) -> None:
    path, body, kind = WAYS["OTLP"]
    server = start(Settings(protect=Protect(enabled=False), receive=Receive()))
    server.post(path, content=gzip.compress(body), headers={"Content-Type": kind, "Content-Encoding": "gzip"})
    assert EMAIL in shown(server)


def shown(server: TestClient) -> str:
    """Everything that a query shows, as JSON."""
    answer = server.get(
        "/loki/api/v1/query_range",
        params={"query": '{kind=~".+"}', "start": "1767000000", "end": "1769000000", "limit": 1000},
    )
    return json.dumps(answer.json()["data"]["result"], ensure_ascii=False)


def written(data: Path) -> str:
    """Every byte in every file; the engine's own are compressed, and shown by queries."""
    return "".join(
        file.read_bytes().decode("latin-1")
        for file in sorted(data.rglob("*"))
        if file.is_file() and not file.is_symlink()
    )


def marks(text: str) -> list[str]:
    """Which of the marks stand in a text."""
    return [mark for mark in MARKS if mark in text]
