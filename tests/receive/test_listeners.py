"""The listeners beside HTTP: back-pressure, drops that are counted, shutdown without loss, gRPC's own statuses."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
import trustme
from grpc import aio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from prometheus_client import CollectorRegistry, generate_latest
from tests.trailing import protector, trailing

from wardlight.audit.projection import Projection
from wardlight.audit.trail import Trail
from wardlight.clock import SystemClock
from wardlight.config import Receive
from wardlight.problems import BadConfig, Busy, Problem, Unauthenticated, Unavailable
from wardlight.receive import syslog_server
from wardlight.receive.books import Books
from wardlight.receive.otlp_grpc import OtlpGrpcServer
from wardlight.receive.sink import Sink
from wardlight.receive.syslog_server import SyslogServer
from wardlight.store.commit import Fresh, GroupCommit, Pace
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.journal import Journal
from wardlight.tls import Files

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


class Behind:
    """The real way to the store, with a gate in front that can be shut."""

    def __init__(
        self, store: EmbeddedStore, directory: Path, registry: CollectorRegistry, trails: tuple[Trail, Projection]
    ) -> None:
        self.registry = registry
        self.trail, projection = trails
        self.commits = GroupCommit(store, Journal(directory / "journal", SystemClock()), Pace(flush_seconds=0.05))
        self.shut: Problem | None = None
        self.sink = Sink(
            protector(self.registry), self.commits, self.trail, Books(self.registry), SystemClock(), room=self.room
        )
        self.store = Fresh(store, self.commits, projection)

    def room(self) -> None:
        if self.shut:
            raise self.shut

    async def lines(self) -> list[str]:
        table = await asyncio.to_thread(self.store.select, "SELECT body FROM logs ORDER BY body")
        return [str(line) for line in table["body"].to_pylist()]

    async def lines_once(self, count: int) -> list[str]:
        for _ in range(400):
            found = await self.lines()
            if len(found) >= count:
                break
            await asyncio.sleep(0.025)
        return found

    def counter(self, line: str) -> float:
        found = [row for row in generate_latest(self.registry).decode().splitlines() if row.startswith(line)]
        return float(found[0].split()[-1]) if found else 0.0


@pytest_asyncio.fixture
async def behind(store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[Behind]:
    registry = CollectorRegistry()
    with trailing(store, tmp_path / "ledger", registry) as trails:
        made = Behind(store, tmp_path, registry, trails)
        yield made
        await asyncio.to_thread(made.commits.close)


@pytest_asyncio.fixture
async def syslog(behind: Behind) -> AsyncIterator[SyslogServer]:
    server = SyslogServer(behind.sink, Receive(syslog_udp="127.0.0.1:0", syslog_tcp="127.0.0.1:0"), SystemClock())
    await server.start()
    yield server
    await server.close()


def busy(monkeypatch: pytest.MonkeyPatch, behind: Behind) -> None:
    monkeypatch.setattr(syslog_server, "_MOST_BYTES", 100_000)
    behind.shut = Busy("the gate is shut", retry_after=0)


async def test_a_full_queue_makes_tcp_wait_and_loses_nothing(
    behind: Behind, syslog: SyslogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy(monkeypatch, behind)
    line = b"<34>1 - h a - - - " + b"x" * 1000 + b"\n"
    _, writer = await asyncio.open_connection(*syslog.bound["tcp"])
    sent, waits = 0, False
    while not waits:
        writer.write(line)
        sent += 1
        _, left = await asyncio.wait([asyncio.ensure_future(writer.drain())], timeout=1.0)
        waits = bool(left)
    assert sent * len(line) > 100_000
    behind.shut = None
    writer.close()
    assert len(await behind.lines_once(sent)) == sent


async def test_a_full_queue_drops_datagrams_and_counts_them(
    behind: Behind, syslog: SyslogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy(monkeypatch, behind)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(50):
            for _ in range(10):
                sender.sendto(b"<34>1 - h a - - - " + b"x" * 1000, syslog.bound["udp"])
            await asyncio.sleep(0.002)
    await asyncio.sleep(0.1)
    behind.shut = None
    await behind.lines_once(50)
    for _ in range(200):
        dropped = behind.counter('wardlight_receive_refused_records_total{protocol="syslog",reason="queue_full"}')
        kept = len(await behind.lines())
        if kept + dropped == 500:
            break
        await asyncio.sleep(0.025)
    assert (dropped > 0, kept + dropped) == (True, 500)


async def test_at_shutdown_what_was_read_is_written(behind: Behind) -> None:
    server = SyslogServer(behind.sink, Receive(syslog_tcp="127.0.0.1:0"), SystemClock())
    await server.start()
    _, writer = await asyncio.open_connection(*server.bound["tcp"])
    writer.write(b"<34>1 - h a - - - first\n<34>1 - h a - - - unfinished")
    await writer.drain()
    await asyncio.sleep(0.1)
    await server.close()
    writer.close()
    assert await behind.lines() == ["first", "unfinished"]


async def test_an_address_that_is_taken_is_said(behind: Behind, syslog: SyslogServer) -> None:
    host, port = syslog.bound["tcp"]
    second = SyslogServer(behind.sink, Receive(syslog_tcp=f"{host}:{port}"), SystemClock())
    with pytest.raises(Unavailable, match=f"{port} .receive.syslog_tcp."):
        await second.start()
    await second.close()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Receive(syslog_tcp="nowhere"), "receive.syslog_tcp"),
        (Receive(syslog_tls="127.0.0.1:0", syslog_tls_certificate="/nowhere.pem"), "receive.syslog_tls_certificate"),
        (Receive(syslog_zone="Middle/Earth"), "receive.syslog_zone"),
    ],
)
def test_settings_that_can_not_be_are_named(behind: Behind, settings: Receive, named: str) -> None:
    with pytest.raises(BadConfig, match=named):
        SyslogServer(behind.sink, settings, SystemClock())


def otlp(*bodies: str, ts: int = 0) -> bytes:
    made = ExportLogsServiceRequest()
    scope = made.resource_logs.add().scope_logs.add()
    for body in bodies:
        scope.log_records.add(time_unix_nano=ts).body.string_value = body
    return made.SerializeToString()


class Caller:
    """A gRPC client that sends bytes."""

    def __init__(self, port: int) -> None:
        self.channel = aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)])
        self._call = self.channel.unary_unary(EXPORT)

    async def __call__(self, payload: bytes, **more: Any) -> ExportLogsServiceResponse:
        return ExportLogsServiceResponse.FromString(await self._call(payload, timeout=10, **more))


@pytest_asyncio.fixture
async def call(behind: Behind) -> AsyncIterator[Caller]:
    server = OtlpGrpcServer(behind.sink, Receive(otlp_grpc="127.0.0.1:0", max_body_bytes=100_000), SystemClock())
    await server.start()
    caller = Caller(server.port)
    yield caller
    await caller.channel.close()
    await server.close()


async def failure(call: Caller, payload: bytes, **more: Any) -> tuple[grpc.StatusCode, str, dict[str, Any]]:
    with pytest.raises(aio.AioRpcError) as caught:
        await call(payload, **more)
    return caught.value.code(), caught.value.details() or "", dict(caught.value.trailing_metadata())


async def test_grpc_takes_records(behind: Behind, call: Caller) -> None:
    assert await call(otlp("a", "b")) == ExportLogsServiceResponse()
    assert await behind.lines() == ["a", "b"]


async def test_grpc_takes_gzip(behind: Behind, call: Caller) -> None:
    await call(otlp("a" * 1000), compression=grpc.Compression.Gzip)
    assert await behind.lines() == ["a" * 1000]


async def test_grpc_tells_partial_success(behind: Behind, call: Caller) -> None:
    made = ExportLogsServiceRequest.FromString(otlp("good", "bad"))
    made.resource_logs[0].scope_logs[0].log_records[1].time_unix_nano = 5
    partial = (await call(made.SerializeToString())).partial_success
    assert (partial.rejected_log_records, "record 1" in partial.error_message) == (1, True)
    assert await behind.lines() == ["good"]


async def test_grpc_recognises_a_repeated_request_by_its_key(behind: Behind, call: Caller) -> None:
    for _ in range(2):
        await call(otlp("once"), metadata=(("idempotency-key", "k1"),))
    assert await behind.lines() == ["once"]


@pytest.mark.parametrize("payload", [b"hello", otlp("x", ts=5)])
async def test_grpc_says_what_is_invalid(call: Caller, payload: bytes) -> None:
    code, _, trailing = await failure(call, payload)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert b"RetryInfo" not in trailing["grpc-status-details-bin"]


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (Busy("full", retry_after=3), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Unavailable("away", retry_after=3), grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_grpc_says_when_to_try_again(
    behind: Behind, call: Caller, problem: Problem, expected: grpc.StatusCode
) -> None:
    behind.shut = problem
    code, details, trailing = await failure(call, otlp("x"))
    assert (code, details) == (expected, str(problem))
    assert trailing["grpc-status-details-bin"].endswith(b"google.rpc.RetryInfo\x12\x04\n\x02\x08\x03")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_grpc_refuses_what_is_too_large(behind: Behind, call: Caller, compression: grpc.Compression) -> None:
    payload = otlp("x" * 200_000)
    assert len(gzip.compress(payload)) < 1000
    code, _, _ = await failure(call, payload, compression=compression)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await behind.lines() == []


def test_without_sign_in_grpc_listens_on_loopback_only(behind: Behind) -> None:
    with pytest.raises(BadConfig, match="loopback"):
        OtlpGrpcServer(behind.sink, Receive(otlp_grpc="0.0.0.0:4317"), SystemClock())


@pytest_asyncio.fixture
async def guarded(behind: Behind, tmp_path: Path) -> AsyncIterator[tuple[OtlpGrpcServer, bytes]]:
    """A server on all addresses, with TLS, that knows one token; and the authority of its certificate."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")

    async def authorise(header: str) -> str:
        if header != "Bearer good":
            raise Unauthenticated("sign in first, or send a token")
        return ""

    server = OtlpGrpcServer(
        behind.sink,
        Receive(otlp_grpc="0.0.0.0:0"),
        SystemClock(),
        files=Files(setting="server.certificate", certificate=str(tmp_path / "server.pem")),
        authorise=authorise,
    )
    await server.start()
    yield server, authority.cert_pem.bytes()
    await server.close()


async def over_tls(port: int, authority: bytes, token: str) -> ExportLogsServiceResponse:
    credentials = grpc.ssl_channel_credentials(authority)
    async with aio.secure_channel(f"127.0.0.1:{port}", credentials, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call = channel.unary_unary(EXPORT)
        metadata = (("authorization", token),)
        return ExportLogsServiceResponse.FromString(await call(otlp("a"), timeout=10, metadata=metadata))


async def test_beyond_loopback_grpc_is_taken_over_tls_with_a_token(
    behind: Behind, guarded: tuple[OtlpGrpcServer, bytes]
) -> None:
    server, authority = guarded
    assert await over_tls(server.port, authority, "Bearer good") == ExportLogsServiceResponse()
    assert await behind.lines() == ["a"]


async def test_grpc_without_a_good_token_is_unauthenticated(
    behind: Behind, guarded: tuple[OtlpGrpcServer, bytes]
) -> None:
    server, authority = guarded
    with pytest.raises(aio.AioRpcError) as caught:
        await over_tls(server.port, authority, "Bearer bad")
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert await behind.lines() == []


async def test_grpc_shows_a_new_certificate_to_the_next_caller(
    guarded: tuple[OtlpGrpcServer, bytes], tmp_path: Path
) -> None:
    server, _ = guarded
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    assert await over_tls(server.port, authority.cert_pem.bytes(), "Bearer good") == ExportLogsServiceResponse()


async def test_grpc_over_tls_is_not_spoken_in_clear(guarded: tuple[OtlpGrpcServer, bytes]) -> None:
    server, _ = guarded
    caller = Caller(server.port)
    with pytest.raises(aio.AioRpcError):
        await caller(otlp("a"))
    await caller.channel.close()
