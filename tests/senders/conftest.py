"""The whole front door on free ports with a real store behind it, and the configurations of docs/ingest.md."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest
from tests.gate import gated
from tests.trailing import protector, trailing

from wardlight.api import elasticsearch, ingest, lines
from wardlight.clock import SystemClock
from wardlight.config import Receive
from wardlight.receive.books import Books
from wardlight.receive.otlp_grpc import OtlpGrpcServer
from wardlight.receive.sink import Sink
from wardlight.receive.syslog_server import SyslogServer
from wardlight.store.commit import Fresh, GroupCommit, Pace
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.journal import Journal

DOCUMENT = Path(__file__).parents[2] / "docs" / "ingest.md"
_WAIT = 20.0


@dataclass
class Door:
    """A running front door."""

    store: Fresh
    registry: CollectorRegistry
    directory: Path
    ports: dict[str, int]
    certificates: Certificates

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['8480']}"

    def records(self, count: int, seconds: float = _WAIT) -> list[dict[str, Any]]:
        """Wait for so many records and return them, the oldest first, with their labels as a dictionary."""
        until = time.monotonic() + seconds
        rows: list[dict[str, Any]] = []
        while len(rows) < count and time.monotonic() < until:
            rows = self.store.select("SELECT * FROM logs ORDER BY ts, body").to_pylist()
            time.sleep(0.02)
        assert len(rows) == count, [row["body"] for row in rows]
        return [row | {"labels": json.loads(row["stream"]), "attributes": dict(row["attributes"])} for row in rows]

    def counter(self, line: str) -> float:
        found = [row for row in generate_latest(self.registry).decode().splitlines() if row.startswith(line)]
        return float(found[0].split()[-1]) if found else 0.0

    def here(self, text: str) -> str:
        """Bring a documented configuration here: the ports and files of this test."""
        for port, own in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(own), text)
        for name, path in self.certificates.files.items():
            text = text.replace(f"/etc/wardlight/{name}", str(path))
        return text

    def documented(self, heading: str, which: int = 0) -> str:
        """Return a block of docs/ingest.md, by the heading it stands under, with the ports and files of this test."""
        section = re.split(r"^#+ ", DOCUMENT.read_text(), flags=re.MULTILINE)
        found = next(part for part in section if part.startswith(heading))
        return self.here(re.findall(r"^```\w*\n(.*?)^```", found, re.MULTILINE | re.DOTALL)[which])


@dataclass
class Certificates:
    """An authority, the server's certificate and a sender's, as the files that docs/ingest.md names."""

    files: dict[str, Path]

    @staticmethod
    def made(directory: Path) -> Certificates:
        directory.mkdir()
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1", "localhost")
        sender = authority.issue_cert("sender.example")
        files = {
            name: directory / name
            for name in ("syslog.pem", "syslog.key", "senders-ca.pem", "server-ca.pem", "sender.pem", "sender.key")
        }
        for blob in server.cert_chain_pems:
            blob.write_to_path(files["syslog.pem"], append=True)
        server.private_key_pem.write_to_path(files["syslog.key"])
        authority.cert_pem.write_to_path(files["senders-ca.pem"])
        authority.cert_pem.write_to_path(files["server-ca.pem"])
        for blob in sender.cert_chain_pems:
            blob.write_to_path(files["sender.pem"], append=True)
        sender.private_key_pem.write_to_path(files["sender.key"])
        return Certificates(files)

    def put_foreign_sender(self) -> None:
        """Give the sender a certificate of the same name from somebody else's authority."""
        foreign = trustme.CA().issue_cert("sender.example")
        foreign.private_key_pem.write_to_path(self.files["sender.key"])
        foreign.cert_chain_pems[0].write_to_path(self.files["sender.pem"])

    def renew_server(self) -> None:
        """Exchange the server's certificate for one of another authority."""
        issued = trustme.CA().issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(self.files["syslog.key"])
        issued.cert_chain_pems[0].write_to_path(self.files["syslog.pem"])

    def client(self, *, with_own: bool) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.files["server-ca.pem"])
        if with_own:
            context.load_cert_chain(self.files["sender.pem"], self.files["sender.key"])
        return context


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


@pytest.fixture
def door(store: EmbeddedStore, tmp_path: Path) -> Iterator[Door]:
    """Start the front door; what it read is written before the store closes."""
    certificates = Certificates.made(tmp_path / "certificates")
    ports = {name: free_port() for name in ("8480", "4317", "5514", "6514")}
    settings = Receive(
        otlp_grpc=f"127.0.0.1:{ports['4317']}",
        syslog_udp=f"127.0.0.1:{ports['5514']}",
        syslog_tcp=f"127.0.0.1:{ports['5514']}",
        syslog_tls=f"127.0.0.1:{ports['6514']}",
        syslog_tls_certificate=str(certificates.files["syslog.pem"]),
        syslog_tls_key=str(certificates.files["syslog.key"]),
        syslog_tls_client_ca=str(certificates.files["senders-ca.pem"]),
    )
    registry = CollectorRegistry()
    with trailing(store, tmp_path / "ledger", registry) as (trail, projection):
        commits = GroupCommit(store, Journal(tmp_path / "journal", SystemClock()), Pace(flush_seconds=0.05))
        sink = Sink(protector(registry), commits, trail, Books(registry), SystemClock())
        with _serving(_app(sink, settings), ports["8480"]):
            yield Door(Fresh(store, commits, projection), registry, tmp_path, ports, certificates)
        commits.close()


@contextmanager
def _serving(app: FastAPI, port: int) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + _WAIT
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started
    yield
    server.should_exit = True
    thread.join(_WAIT)


def _app(sink: Sink, settings: Receive) -> FastAPI:
    clock = SystemClock()
    listeners = (SyslogServer(sink, settings, clock), OtlpGrpcServer(sink, settings, clock))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for listener in listeners:
            await listener.start()
        yield
        for listener in listeners:
            await listener.close()

    app = gated(FastAPI(lifespan=lifespan))
    for module in (ingest, lines, elasticsearch):
        app.include_router(module.router(sink, settings, clock))
    return app


def environment() -> dict[str, str]:
    """What a sender's process gets: no proxy stands between it and us."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
