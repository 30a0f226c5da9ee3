"""A running clinic: its own PostgreSQL, the application, and a Wardlight that only listens."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from willow_clinic import seed
from willow_clinic.cluster import find_programs
from willow_clinic.faults import FAULTS, Faults
from willow_clinic.trouble import Trouble


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force if need be."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Listener(ThreadingHTTPServer):
    """Takes OTLP and keeps what arrives: body and attributes."""

    daemon_threads = True

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, str]]] = []
        self.told: dict[str, Any] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    def find(self, **wanted: str) -> list[dict[str, str]]:
        """Give the attributes of the records that have these, dots for underscores."""
        pairs = {name.replace("_", "."): value for name, value in wanted.items()}.items()
        return [attributes for _, attributes in list(self.records) if pairs <= attributes.items()]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1/logs":
            self.server.told[self.path] = json.loads(content)
            content = gzip.compress(b"")
        content = gzip.decompress(content)
        for resource in ExportLogsServiceRequest.FromString(content).resource_logs:
            for record in (record for scope in resource.scope_logs for record in scope.log_records):
                attributes = {pair.key: pair.value.string_value for pair in record.attributes}
                self.server.records.append((record.body.string_value, attributes))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Clinic:
    """One clinic with its processes; what they say is in files beside its data, one a command."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.faults = Faults(data)
        self.port, self.database_port = free_port(), free_port()
        self.listener = Listener()
        threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.closing = ExitStack()
        self.http = self.client()
        self.database = self.start_database()
        self.app = self.start_app()

    def client(self, **headers: str) -> httpx.Client:
        """Give a client that keeps no connection, so that it never meets one of a process that ended."""
        limits = httpx.Limits(max_keepalive_connections=0)
        address = f"http://127.0.0.1:{self.port}"
        made = httpx.Client(base_url=address, headers=headers, limits=limits, timeout=15, trust_env=False)
        return self.closing.enter_context(made)

    def start(self, command: str, *arguments: object) -> subprocess.Popen[bytes]:
        """Start a command."""
        line = [sys.executable, "-m", "willow_clinic", command, "--data", str(self.data), *map(str, arguments)]
        with (self.data / f"{command}.log").open("w") as log:
            return subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)

    def said(self, command: str) -> str:
        """Read what a command said since it was started last."""
        return (self.data / f"{command}.log").read_text()

    def start_database(self) -> subprocess.Popen[bytes]:
        self.database = self.start("database", "--port", self.database_port)
        assert eventually(lambda: "database ready" in self.said("database"))
        return self.database

    def start_app(self) -> subprocess.Popen[bytes]:
        endpoint = f"http://127.0.0.1:{self.listener.server_address[1]}"
        arguments = ("--port", self.port, "--database-port", self.database_port, "--wardlight", endpoint)
        self.app = self.start("serve", *arguments)
        assert eventually(lambda: self.status("/canary") == 200)
        return self.app

    def status(self, path: str) -> int:
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def staff(self, role: str) -> str:
        return next(username for username, *_, its in seed.staff_names() if its == role)

    def sign_in(self, role: str) -> httpx.Client:
        """Give a client that is signed in."""
        username = self.staff(role)
        password = json.loads((self.data / "staff.json").read_text())[username]
        answer = self.http.post("/session", json={"username": username, "password": password})
        assert answer.status_code == 201
        return self.client(Authorization=f"Bearer {answer.json()['token']}")

    def metric(self, name: str, **labels: str) -> float:
        """Add up a metric over the series with these labels."""
        families = text_string_to_metric_families(self.http.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def sql(self, query: str, role: str = "postgres") -> list[tuple[Any, ...]]:
        password = json.loads((self.data / "passwords.json").read_text())[role]
        address = {"host": "127.0.0.1", "port": self.database_port, "dbname": "clinic"}
        with psycopg.connect(**address, user=role, password=password) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        for process in (self.app, self.database):
            stop(process)
        self.closing.close()
        self.listener.shutdown()
        self.listener.server_close()


@pytest.fixture(scope="session")
def postgresql() -> Path:
    """The programs of PostgreSQL, or a reason to skip."""
    try:
        return find_programs(None)
    except Trouble as trouble:
        pytest.skip(str(trouble))


@pytest.fixture(scope="session")
def data(postgresql: Path) -> Iterator[Path]:
    """A data directory that the account which runs PostgreSQL can enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="willow-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def running(data: Path) -> Iterator[Clinic]:
    made = Clinic(data)
    yield made
    made.close()


@pytest.fixture
def clinic(running: Clinic) -> Iterator[Clinic]:
    """The running clinic, whole again afterwards."""
    running.listener.records.clear()
    yield running
    for name in FAULTS:
        running.faults.end(name)
