"""A real OTLP receiver, and an SDK that is set up to send to it."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from prometheus_client import CollectorRegistry

import wardlight_sdk as wardlight


@dataclass(frozen=True)
class Received:
    """One record as it arrived."""

    body: str
    severity: int
    ts: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str

    @property
    def kind(self) -> str:
        return str(self.attributes["wardlight.kind"])


@dataclass
class Receiver:
    """Listens for OTLP; `answer` decides the status from the bodies of a request."""

    port: int = 0
    records: list[Received] = field(default_factory=list)
    answer: Callable[[list[str]], int] = lambda _: 200
    rejects: int = 0
    release: Callable[[], None] = lambda: None
    server: ThreadingHTTPServer | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.path == "/v1/logs"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                found = list(decoded(gzip.decompress(body)))
                status = receiver.answer([record.body for record in found])
                if status == 200:
                    receiver.records += found
                answer = ExportLogsServiceResponse()
                answer.partial_success.rejected_log_records = receiver.rejects
                content = answer.SerializeToString()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def bodies(self) -> list[str]:
        return [record.body for record in self.records]


def decoded(content: bytes) -> Iterator[Received]:
    for resource in ExportLogsServiceRequest.FromString(content).resource_logs:
        about = {pair.key: value_of(pair.value) for pair in resource.resource.attributes}
        for scope in resource.scope_logs:
            for record in scope.log_records:
                attributes = {pair.key: value_of(pair.value) for pair in record.attributes}
                yield Received(
                    record.body.string_value, record.severity_number, record.time_unix_nano, attributes, about,
                    scope.scope.name,
                )  # fmt: skip


def value_of(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def registry(receiver: Receiver) -> Iterator[CollectorRegistry]:
    """Set the SDK up; give the registry of its metrics."""
    made = CollectorRegistry()
    wardlight.setup("clinic", endpoint=receiver.endpoint, environment="test", host="ward-7", registry=made)
    yield made
    wardlight.close()


@pytest.fixture
def sent(registry: CollectorRegistry, receiver: Receiver) -> Callable[[], list[Received]]:
    """Flush, and give all that arrived."""

    def flushed() -> list[Received]:
        assert wardlight.flush(5)
        return receiver.records

    return flushed


@pytest.fixture
def count(registry: CollectorRegistry) -> Callable[..., float]:
    """Give a metric's value, 0 when there is no such series."""

    def value(name: str, **labels: str) -> float:
        return registry.get_sample_value(name, labels) or 0.0

    return value


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
