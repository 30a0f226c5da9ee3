"""Real senders over HTTP and gRPC, configured as docs/ingest.md says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import httpx
import pytest
from elasticsearch import Elasticsearch, helpers
from tests.senders.conftest import Door, environment

HTTP_IMPORT = "from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter"


def run_python(program: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=60, env=environment())


def check_otel(row: dict[str, Any]) -> None:
    assert (row["body"], row["severity"], row["user_id"]) == ("slow query", 13, "u17")
    assert (row["labels"]["service_name"], row["labels"]["level"]) == ("clinic", "warn")


def test_opentelemetry_sends_over_http(door: Door) -> None:
    run_python(door.documented("OpenTelemetry"))
    check_otel(door.records(1)[0])
    assert door.counter('wardlight_receive_records_total{kind="application",protocol="otlp"}') == 1


def test_opentelemetry_sends_over_grpc(door: Door) -> None:
    imported, exporter = door.documented("OpenTelemetry", 1).strip().split("\n\n")
    over_http = door.documented("OpenTelemetry")
    program = over_http.replace(HTTP_IMPORT, imported).replace(
        f'OTLPLogExporter("{door.url}/v1/logs")', exporter.removeprefix("exporter = ")
    )
    assert program != over_http
    run_python(program)
    check_otel(door.records(1)[0])
    assert door.counter('wardlight_receive_records_total{kind="application",protocol="otlp_grpc"}') == 1


@pytest.mark.skipif(not shutil.which("curl"), reason="curl isn't here")
def test_curl_sends_json_lines(door: Door) -> None:
    done = subprocess.run(
        ["sh", "-euc", door.documented("JSON lines")], check=True, timeout=20, capture_output=True, env=environment()
    )
    assert b'"accepted":2' in done.stdout
    first, second = door.records(2)
    assert (first["body"], first["labels"]["level"], first["attributes"]) == (
        "slow query",
        "warn",
        {"http_status": "200"},
    )
    assert (second["body"], second["labels"]["team"], second["ts"].microsecond) == ("served", "wards", 250_000)


def test_elasticsearchs_own_client_sends_in_bulk(door: Door) -> None:
    with Elasticsearch(f"{door.url}/elasticsearch") as client:
        assert client.info()["version"]["number"].startswith("8.")
        actions = [
            {"_op_type": "create", "_index": "logs-clinic", "message": f"line {at}", "service": {"name": "clinic"}}
            for at in range(50)
        ]
        assert helpers.bulk(client, actions) == (50, [])
    rows = door.records(50)
    assert {(row["labels"]["service_name"], row["attributes"]["index"]) for row in rows} == {("clinic", "logs-clinic")}


def test_elasticsearchs_own_client_is_told_which_documents_are_bad(door: Door) -> None:
    with Elasticsearch(f"{door.url}/elasticsearch") as client:
        actions: list[dict[str, Any]] = [
            {"_index": "logs", "message": "good"},
            {"_index": "logs", "message": "bad", "@timestamp": "long ago"},
            {"_op_type": "delete", "_index": "logs", "_id": "1"},
        ]
        kept, errors = helpers.bulk(client, actions, raise_on_error=False)
    assert kept == 1
    assert isinstance(errors, list)
    assert "can't be read" in errors[0]["index"]["error"]["reason"]
    assert errors[1]["delete"]["status"] == 400
    assert [row["body"] for row in door.records(1)] == ["good"]


SHIPPERS = {
    "Filebeat": (
        "/_bulk?filter_path=errors%2Citems.%2A.error%2Citems.%2A.status",
        {"create": {"_index": "filebeat-8.17.0"}},
        {
            "@timestamp": "2026-01-01T00:00:00.000Z", "message": "x", "log": {"offset": 0, "file": {"path": "/a"}},
            "host": {"name": "h"}, "agent": {"type": "filebeat"},
        },
    ),
    "Fluent Bit": (
        "/_bulk",
        {"create": {"_index": "fluent-bit"}},
        {"@timestamp": "2026-01-01T00:00:00.000Z", "log": "x\n", "stream": "stdout"},
    ),
    "Vector": (
        "/_bulk",
        {"index": {"_index": "vector-2026.01.01"}},
        {"message": "x", "host": "h", "source_type": "file", "timestamp": "2026-01-01T00:00:00.5Z"},
    ),
    "Logstash": (
        "/_bulk",
        {"index": {"_id": None, "_index": "logs", "routing": None}},
        {"message": "x", "@version": "1", "@timestamp": "2026-01-01T00:00:00.000Z", "host": {"name": "h"}},
    ),
}  # fmt: skip
"""Requests as their makers document them: no registry has these shippers."""


@pytest.mark.parametrize("shipper", SHIPPERS)
def test_a_shippers_form_of_bulk_is_taken(door: Door, shipper: str) -> None:
    path, action, document = SHIPPERS[shipper]
    headers = {"content-type": "application/x-ndjson"}
    body = f"{json.dumps(action)}\n{json.dumps(document)}\n"
    answer = httpx.post(f"{door.url}/elasticsearch{path}", content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["errors"]) == (200, False)
    assert [row["body"] for row in door.records(1)] == ["x"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("HEAD", "/", 200), ("GET", "/_license", 200), ("GET", "/_cluster/health", 200),
        ("GET", "/_cat/health", 200), ("HEAD", "/_cat/health", 200), ("PUT", "/_index_template/logs", 404),
    ],
)  # fmt: skip
def test_what_shippers_ask_at_their_start_is_answered(door: Door, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"{door.url}/elasticsearch{path}", trust_env=False)
    assert (answer.status_code, answer.headers["x-elastic-product"]) == (status, "Elasticsearch")
