"""The doors beside OTLP/HTTP and Loki's push, on the whole server."""

from __future__ import annotations

import gzip
import json
import socket

import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import Start
from tests.server.test_ingest import counter, lines

from wardlight.config import Receive, Settings

GZIP = {"content-encoding": "gzip"}


def ndjson(*messages: str) -> bytes:
    return "\n".join(json.dumps({"time": "2026-01-01T00:00:00Z", "msg": message}) for message in messages).encode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


def test_json_lines_are_taken(server: TestClient) -> None:
    answer = server.post("/api/v1/ingest", content=gzip.compress(ndjson("a", "b")), headers=GZIP)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 2, "refused_lines": 0, "refused": []})
    assert lines(server) == ["a", "b"]


def test_bad_lines_are_named_beside_good_ones(server: TestClient) -> None:
    answer = server.post("/api/v1/ingest", content=ndjson("good") + b"\nbad\n")
    (refused,) = answer.json()["refused"]
    assert (answer.status_code, answer.json()["accepted"], refused["line"]) == (200, 1, 2)
    assert counter(server, 'wardlight_receive_refused_records_total{protocol="ndjson",reason="not_json"}') == 1


def test_lines_of_which_none_is_good_are_a_bad_request(server: TestClient) -> None:
    answer = server.post("/api/v1/ingest", content=b"bad\n" * 500)
    assert (answer.status_code, answer.json()["refused_lines"], len(answer.json()["refused"])) == (400, 500, 100)


def test_a_key_makes_a_repeated_request_harmless(server: TestClient) -> None:
    for _ in range(2):
        answer = server.post("/api/v1/ingest", content=b'{"msg":"once"}', headers={"idempotency-key": "k"})
        assert answer.json()["accepted"] == 1
    assert lines(server) == ["once"]


BAD: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "bomb of lines": ("/api/v1/ingest", gzip.compress(bytes(64 << 20)), GZIP, 413, "receive.max_body_bytes"),
    "truncated gzip": ("/api/v1/ingest", gzip.compress(ndjson("x"))[:-9], GZIP, 400, "truncated"),
    "no action": ("/_bulk", b"hello\n", {}, 400, "malformed action/metadata line [1]"),
    "bomb of a bulk": ("/logs/_bulk", gzip.compress(bytes(64 << 20)), GZIP, 413, "receive.max_body_bytes"),
    "unknown encoding": ("/_bulk", b"x", {"content-encoding": "br"}, 415, "gzip"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_not_be_read_says_why(server: TestClient, case: str) -> None:
    path, body, headers, status, reason = BAD[case]
    answer = server.post(path, content=body, headers=headers)
    assert (answer.status_code, reason in answer.text) == (status, True)


def test_bulk_is_taken_and_told_item_by_item(server: TestClient) -> None:
    body = b'{"create":{}}\n{"message":"a"}\n{"index":{"_index":"own","_id":"1"}}\n{"@timestamp":"soon"}\n'
    answer = server.post("/logs-clinic/_bulk", content=body).json()
    created, refused = answer["items"]
    assert (answer["errors"], created["create"]["status"], created["create"]["_index"]) == (True, 201, "logs-clinic")
    assert (refused["index"]["status"], refused["index"]["_index"], refused["index"]["_id"]) == (400, "own", "1")
    assert lines(server) == ["a"]


def test_the_console_keeps_its_place(server: TestClient) -> None:
    assert server.get("/").headers["content-type"].startswith("text/html")


def test_what_syslog_sent_before_shutdown_is_there_after_it(start: Start) -> None:
    port = free_port()
    settings = Settings(receive=Receive(syslog_tcp=f"127.0.0.1:{port}"))
    server = start(settings)
    with socket.create_connection(("127.0.0.1", port), 5) as feed:
        feed.sendall(b"<34>1 2026-01-01T00:00:00Z ward-3 su - - - kept\n")
        for _ in range(200):
            if counter(server, 'wardlight_receive_records_total{kind="security",protocol="syslog"}'):
                break
    assert lines(start(settings), '{service_name="su"}') == ["kept"]
