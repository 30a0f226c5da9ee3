"""Audit records of any sender go into the ledger, and from there into logs and the audit trail."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.server.conftest import HERE, Start
from tests.server.test_ingest import NOW, PROTOBUF, counter, lines

from wardlight.clock import ManualClock
from wardlight.config import Settings


def mixed(accesses: int, others: int) -> bytes:
    """Make a request of the SDK: record accesses, and log lines between them."""
    made = ExportLogsServiceRequest()
    logs = made.resource_logs.add()
    logs.resource.attributes.add(key="service.name").value.string_value = "clinic"
    scope = logs.scope_logs.add()
    for at in range(accesses + others):
        record = scope.log_records.add(time_unix_nano=NOW + at)
        record.body.string_value = f"line {at}"
        if at < accesses:
            about = {
                "wardlight.kind": "audit", "event.name": "record.access", "event.outcome": "success",
                "health.action": "R", "health.patient.id": f"WC{at}", "health.record.type": "Patient",
                "health.record.id": f"WC{at}", "health.purpose": "TREAT", "user.id": "ann",
            }  # fmt: skip
            for key, value in about.items():
                record.attributes.add(key=key).value.string_value = value
    return made.SerializeToString()


def send(server: TestClient, body: bytes, **headers: str) -> Any:
    return server.post("/v1/logs", content=body, headers=PROTOBUF | headers)


def checkpoint_size(server: TestClient) -> int:
    lines(server, '{kind="nothing"}')  # answered when everything acknowledged is published
    return int(server.get("/ledger/checkpoint").text.splitlines()[1])


def test_audit_records_of_a_mixed_request_are_in_the_ledger_and_all_records_in_logs(server: TestClient) -> None:
    assert send(server, mixed(accesses=2, others=3)).status_code == 200
    assert checkpoint_size(server) == 2
    assert lines(server) == [f"line {at}" for at in range(5)]
    assert counter(server, 'wardlight_receive_records_total{kind="audit",protocol="otlp"}') == 2
    assert counter(server, 'wardlight_audit_events_total{format="log"}') == 2


def test_they_are_answered_by_fhir(server: TestClient) -> None:
    send(server, mixed(accesses=2, others=0))
    bundle = server.get("/fhir/AuditEvent", params={"patient.identifier": "WC1"}).json()
    (found,) = [entry["resource"] for entry in bundle["entry"]]
    assert found["type"]["code"] == "110110"
    assert found["agent"][0]["who"]["identifier"]["value"] == "ann"


@pytest.mark.parametrize("headers", [{"idempotency-key": "k1"}, {}], ids=["key", "digest"])
def test_a_repeated_request_is_taken_once_in_both_places(server: TestClient, headers: dict[str, str]) -> None:
    for _ in range(2):
        assert send(server, mixed(accesses=2, others=3), **headers).status_code == 200
    assert checkpoint_size(server) == 2
    assert len(lines(server)) == 5
    assert counter(server, 'wardlight_receive_repeated_requests_total{protocol="otlp"}') == 1


def test_a_request_with_a_key_is_recognised_after_a_restart(start: Start) -> None:
    send(start(Settings()), mixed(accesses=2, others=3), **{"idempotency-key": "k1"})
    server = start(Settings())
    assert send(server, mixed(accesses=2, others=3), **{"idempotency-key": "k1"}).status_code == 200
    assert checkpoint_size(server) == 2
    assert len(lines(server)) == 5


def test_a_ledger_that_refuses_refuses_the_request_and_a_second_try_doubles_nothing(
    server: TestClient, clock: ManualClock
) -> None:
    send(server, mixed(accesses=1, others=0))
    right = clock.now
    clock.set_wall(right - 3600 * 10**9)
    refused = send(server, mixed(accesses=2, others=3))
    assert refused.status_code == 503
    assert "clock" in refused.text
    clock.set_wall(right)
    assert send(server, mixed(accesses=2, others=3)).status_code == 200
    assert checkpoint_size(server) == 3
    assert len(lines(server)) == 6


def test_each_question_to_the_trail_is_an_event_of_it(server: TestClient) -> None:
    server.get("/fhir/AuditEvent", params={"patient.identifier": "WC1"})
    looks = server.get("/fhir/AuditEvent", params={"type": "110101"}).json()["entry"]
    assert len(looks) == 2


QUESTIONS = {
    "lines": ("query_range", '{kind="audit"}'),
    "lines without their label": ("query_range", '{service_name="clinic"} | drop kind'),
    "numbers by patient": ("query_range", 'sum by (health_patient_id) (count_over_time({kind="audit"}[1h]))'),
    "numbers about a patient": ("query_range", 'sum(count_over_time({kind="audit"} | health_patient_id="WC1" [1h]))'),
    "fields": ("detected_fields", '{kind="audit"}'),
}
NO_LOOKS = {
    "other lines": ("query_range", '{kind="application"}'),
    "how many there are": ("query_range", 'sum by (kind) (count_over_time({kind=~".+"}[1h]))'),
    "labels": ("labels", ""),
    "nothing found": ("query_range", '{kind="audit"} |= "nowhere"'),
}


def looks_after(server: TestClient, path: str, query: str) -> int:
    send(server, mixed(accesses=2, others=3))
    params: dict[str, str | int] = {"query": query, "start": NOW - 10**12, "end": NOW + 10**12, "step": "1000s"}
    assert server.get(f"/loki/api/v1/{path}", params=params).status_code == 200
    return checkpoint_size(server) - 2


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_of_logql_that_shows_the_trail_is_noted(server: TestClient, question: str) -> None:
    assert looks_after(server, *QUESTIONS[question]) == 1


@pytest.mark.parametrize("question", NO_LOOKS)
def test_one_that_shows_nothing_of_it_is_not(server: TestClient, question: str) -> None:
    assert looks_after(server, *NO_LOOKS[question]) == 0


def test_reading_the_ledgers_entries_is_noted(start: Start) -> None:
    server = start(Settings())
    here = TestClient(server.app, base_url=HERE, client=("127.0.0.1", 50000))
    send(server, mixed(accesses=2, others=0))
    assert checkpoint_size(server) == 2
    assert here.get("/ledger/tile/entries/000.p/2").status_code == 200
    assert checkpoint_size(server) == 3
