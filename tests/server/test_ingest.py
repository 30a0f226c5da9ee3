"""The front door: a 2xx means on disk; bad input has its reason in the sender's form; nothing else is lost."""

from __future__ import annotations

import gzip
import json
from typing import Any

import cramjam
import pytest
from fastapi.testclient import TestClient
from google.protobuf import message_factory
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from tests.server.conftest import Start

from wardlight.api.headers import HEADERS
from wardlight.api.ways import Ways
from wardlight.config import Receive, Settings, Store
from wardlight.receive import loki

NOW = 1_767_225_600_000_000_000
PushRequest: Any = message_factory.GetMessageClass(loki.REQUEST)
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


def otlp(*bodies: str, ts: int = NOW) -> bytes:
    made = ExportLogsServiceRequest()
    logs = made.resource_logs.add()
    logs.resource.attributes.add(key="service.name").value.string_value = "clinic"
    scope = logs.scope_logs.add()
    for body in bodies:
        scope.log_records.add(time_unix_nano=ts).body.string_value = body
    return made.SerializeToString()


def push(*lines: str, ts: int = NOW) -> bytes:
    return json.dumps({"streams": [{"stream": {"app": "a"}, "values": [[str(ts), line] for line in lines]}]}).encode()


def lines(server: TestClient, selector: str = '{kind=~".+"}') -> list[str]:
    params: dict[str, str | int] = {"query": selector, "start": NOW - 10**12, "end": NOW + 10**12, "limit": 1000}
    answer = server.get("/loki/api/v1/query_range", params=params)
    assert answer.status_code == 200, answer.text
    return sorted(line for stream in answer.json()["data"]["result"] for _, line in stream["values"])


def counter(server: TestClient, line: str) -> float:
    found = [row for row in server.get("/metrics").text.splitlines() if row.startswith(line)]
    return float(found[0].split()[-1]) if found else 0.0


@pytest.mark.parametrize("path", ["/v1/logs", "/otlp/v1/logs"])
def test_otlp_protobuf_is_taken(server: TestClient, path: str) -> None:
    answer = server.post(path, content=gzip.compress(otlp("hello")), headers=PROTOBUF | {"content-encoding": "gzip"})
    assert answer.status_code == 200
    assert ExportLogsServiceResponse.FromString(answer.content) == ExportLogsServiceResponse()
    assert lines(server, '{service_name="clinic"}') == ["hello"]


def test_otlp_json_is_taken(server: TestClient) -> None:
    body = {
        "resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": str(NOW), "body": {"stringValue": "x"}}]}]}]
    }
    answer = server.post("/v1/logs", json=body)
    assert (answer.status_code, answer.json()) == (200, {})
    assert lines(server) == ["x"]


def test_lokis_push_is_taken_in_json_and_in_snappy_protobuf(server: TestClient) -> None:
    made = PushRequest()
    entry = made.streams.add(labels='{app="a"}').entries.add(line="protobuf")
    entry.timestamp.seconds = NOW // 10**9
    assert server.post("/loki/api/v1/push", content=push("json"), headers=JSON).status_code == 204
    snappy = bytes(cramjam.snappy.compress_raw(made.SerializeToString()))
    assert server.post("/loki/api/v1/push", content=snappy, headers=PROTOBUF).status_code == 204
    assert lines(server, '{app="a"}') == ["json", "protobuf"]


def test_what_was_acknowledged_is_there_after_a_restart(start: Start) -> None:
    assert start(Settings()).post("/loki/api/v1/push", content=push("kept"), headers=JSON).status_code == 204
    assert lines(start(Settings())) == ["kept"]


BAD: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "not JSON": (b"hello", JSON, 400, "JSON"),
    "invalid UTF-8": (b'{"streams":[{"stream":{"a":"\xff"},"values":[]}]}', JSON, 400, "utf-8"),
    "truncated gzip": (gzip.compress(push("x"))[:-12], JSON | {"content-encoding": "gzip"}, 400, "truncated"),
    "gzip bomb": (gzip.compress(bytes(64 << 20)), JSON | {"content-encoding": "gzip"}, 413, "receive.max_body_bytes"),
    "10 MB line": (push("x" * 10_000_000), JSON, 400, "receive.max_line_bytes"),
    "in the future": (push("x", ts=NOW + 10**14), JSON, 400, "ahead of our clock"),
    "in the year 1": (push("x", ts=-62_135_596_800 * 10**9), JSON, 400, "nanoseconds since 1970"),
    "unknown content type": (b"x", {"content-type": "text/html"}, 415, "application/x-protobuf"),
    "no content type": (b"x", {}, 415, "application/x-protobuf"),
    "unknown encoding": (b"x", JSON | {"content-encoding": "br"}, 415, "gzip"),
    "wrong protobuf": (b"\x05\xff\xff", PROTOBUF, 400, ""),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_push_says_why_in_plain_text_and_is_counted(server: TestClient, case: str) -> None:
    content, headers, status, reason = BAD[case]
    answer = server.post("/loki/api/v1/push", content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"][:10]) == (status, "text/plain")
    assert reason in answer.text
    assert counter(server, f'wardlight_receive_failed_requests_total{{protocol="loki",status="{status}"}}') == 1


BAD_OTLP: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "not JSON": (b"hello", JSON, 400, "JSON"),
    "wrong protobuf": (b"hello", PROTOBUF, 400, "protobuf"),
    "gzip bomb": (gzip.compress(bytes(64 << 20)), PROTOBUF | {"content-encoding": "gzip"}, 413, "max_body_bytes"),
    "10 MB line": (otlp("x" * 10_000_000), PROTOBUF, 400, "max_line_bytes"),
    "in the future": (otlp("x", ts=NOW + 10**14), PROTOBUF, 400, "ahead of our clock"),
    "beyond time": (otlp("x", ts=2**64 - 1), PROTOBUF, 400, "ahead of our clock"),
    "in seconds": (otlp("x", ts=NOW // 10**9), PROTOBUF, 400, "nanoseconds since 1970"),
    "unknown content type": (b"x", {"content-type": "text/html"}, 415, "application/x-protobuf"),
}


@pytest.mark.parametrize("case", BAD_OTLP)
def test_bad_otlp_says_why_in_otlps_status(server: TestClient, case: str) -> None:
    content, headers, status, reason = BAD_OTLP[case]
    answer = server.post("/v1/logs", content=content, headers=headers)
    assert answer.status_code == status
    assert reason in (answer.json()["message"] if headers == JSON else answer.content.decode(errors="replace"))


def test_good_records_are_kept_beside_bad_ones(server: TestClient) -> None:
    made = ExportLogsServiceRequest.FromString(otlp("good", "bad"))
    made.resource_logs[0].scope_logs[0].log_records[1].time_unix_nano = NOW + 10**14
    answer = server.post("/v1/logs", content=made.SerializeToString(), headers=PROTOBUF)
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_log_records) == (200, 1)
    assert "record 1" in partial.error_message
    assert lines(server) == ["good"]
    refused = 'wardlight_receive_refused_records_total{protocol="otlp",reason="timestamp_in_future"}'
    assert counter(server, refused) == 1


def test_lokis_client_is_told_of_bad_entries_and_the_good_are_kept(server: TestClient) -> None:
    values = [[str(NOW), "good"], [str(NOW + 10**14), "bad"]]
    answer = server.post("/loki/api/v1/push", json={"streams": [{"stream": {"app": "a"}, "values": values}]})
    assert answer.status_code == 400
    assert "record 1" in answer.text
    assert lines(server) == ["good"]


def test_a_body_larger_than_declared_allowed_is_refused_unread(start: Start) -> None:
    server = start(Settings(receive=Receive(max_body_bytes=1000)))
    answer = server.post("/v1/logs", content=otlp("x" * 2000), headers=PROTOBUF)
    assert answer.status_code == 413


def test_a_full_queue_answers_429_and_when_to_come_back(start: Start) -> None:
    server = start(Settings(receive=Receive(max_queue_bytes=1), store=Store(flush_seconds=60)))
    first, second = (server.post("/loki/api/v1/push", content=push("x"), headers=JSON) for _ in range(2))
    assert (first.status_code, second.status_code) == (204, 429)
    assert second.headers["retry-after"] == "1"
    assert "receive.max_queue_bytes" in second.text


def test_a_request_sent_again_is_answered_and_not_written_again(server: TestClient) -> None:
    for _ in range(2):
        assert server.post("/loki/api/v1/push", content=push("once"), headers=JSON).status_code == 204
    assert lines(server) == ["once"]
    assert counter(server, 'wardlight_receive_repeated_requests_total{protocol="loki"}') == 1


def test_an_idempotency_key_holds_across_a_restart(start: Start) -> None:
    keyed = JSON | {"idempotency-key": "import-7"}
    for _ in range(2):
        assert start(Settings()).post("/loki/api/v1/push", content=push("once"), headers=keyed).status_code == 204
    assert lines(start(Settings())) == ["once"]


def test_accepted_records_are_counted_by_protocol_and_kind(server: TestClient) -> None:
    server.post("/v1/logs", content=otlp("a", "b"), headers=PROTOBUF)
    assert counter(server, 'wardlight_receive_records_total{kind="application",protocol="otlp"}') == 2


def test_health_readiness_and_the_openapi_document_answer(server: TestClient) -> None:
    assert server.get("/healthz").text == "ok\n"
    assert server.get("/readyz").status_code == 200
    assert "/v1/logs" in server.get("/openapi.json").json()["paths"]


def test_requests_of_one_lot_have_each_their_own_answer(server: TestClient) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def send(at: int) -> int:
        body = b"\xff" if at % 4 == 3 else otlp(f"line {at // 2 * 2}")
        headers = PROTOBUF | ({"idempotency-key": f"{at // 2}"} if at % 4 < 2 else {})
        return server.post("/v1/logs", content=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as senders:
        found = list(senders.map(send, range(16)))
    assert found == [200, 200, 200, 400] * 4
    assert lines(server) == sorted(f"line {at}" for at in range(0, 16, 2))


def test_only_senders_go_straight_from_the_gate_and_with_the_headers_for_safety(server: TestClient) -> None:
    ways = [way.name for way in Ways(server.app.routes) if way.straight]  # type: ignore[attr-defined]
    assert ways == ["POST /v1/logs", "POST /otlp/v1/logs", "POST /loki/api/v1/push"]
    for path, body in (("/v1/logs", otlp("a")), ("/loki/api/v1/push", push("b"))):
        answer = server.post(path, content=body, headers=PROTOBUF if path == "/v1/logs" else JSON)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
