"""Gathering a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from wardlight.clock import ManualClock
from wardlight.console import Overview
from wardlight.console.snapshot import Away
from wardlight.incidents import Incidents
from wardlight.protect.keys import Keys
from wardlight.records import Sight
from wardlight.store import LogStore
from wardlight.store.embedded import EmbeddedStore


@dataclass
class OddPrometheus:
    """An HTTP server that answers anything with the same bytes, and counts."""

    answer: bytes
    status: str = "200 OK"
    delay: float = 0.0
    asked: int = field(default=0, init=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        self.asked += 1
        await asyncio.sleep(self.delay)
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.answer)}\r\nConnection: close\r\n\r\n".encode()
        writer.write(head + self.answer)
        await writer.drain()
        writer.close()


async def ask(odd: OddPrometheus, incidents: Incidents, store: LogStore, readers: int = 1) -> Overview:
    """Let readers come at once to an overview whose Prometheus is odd."""
    async with await asyncio.start_server(odd.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        overview = Overview(f"http://127.0.0.1:{port}/", incidents, store, Keys.new, ManualClock())
        await asyncio.gather(*(overview.snapshot(Sight()) for _ in range(readers)))
        await asyncio.sleep(odd.delay)
        await overview.aclose()
    return overview


def reason(overview: Overview) -> str:
    snapshot = overview._kept[Sight()].snapshot
    assert snapshot
    assert isinstance(snapshot.metrics, Away)
    return snapshot.metrics.reason


EMPTY = b'{"status":"success","data":{"resultType":"vector","result":[]}}'


async def test_readers_who_come_together_ask_once(incidents: Incidents, store: LogStore) -> None:
    odd = OddPrometheus(EMPTY, delay=0.05)
    await ask(odd, incidents, store, readers=50)
    assert odd.asked == 2


async def test_a_snapshot_serves_for_two_seconds(overview: Overview, clock: ManualClock) -> None:
    first = await overview.snapshot(Sight())
    clock.advance(1.9)
    assert await overview.snapshot(Sight()) is first
    clock.advance(0.1)
    assert await overview.snapshot(Sight()) is not first


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"status":"success","data":{"result":[{"metric":1}]}}'])
async def test_what_is_no_prometheus_is_away(incidents: Incidents, store: LogStore, answer: bytes) -> None:
    assert reason(await ask(OddPrometheus(answer), incidents, store)) == "what answers is no Prometheus"


async def test_a_number_that_is_none_is_no_prometheus(incidents: Incidents, store: LogStore) -> None:
    answer = b'{"status":"success","data":{"result":[{"metric":{"fact":"p95"},"value":[0,"many"]}]}}'
    assert reason(await ask(OddPrometheus(answer), incidents, store)) == "what answers is no Prometheus"


async def test_a_refused_question_is_said(incidents: Incidents, store: LogStore) -> None:
    answer = b'{"status":"error","errorType":"bad_data","error":"parse error"}'
    odd = OddPrometheus(answer, status="400 Bad Request")
    assert reason(await ask(odd, incidents, store)) == "Prometheus refused the question: parse error"


async def test_one_that_hangs_is_away(incidents: Incidents, store: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardlight.console.overview._TIMEOUT", 0.1)
    odd = OddPrometheus(EMPTY, delay=0.3)
    assert reason(await ask(odd, incidents, store)) == "Prometheus takes too long to answer"


@pytest.mark.parametrize("address", ["", "not an address", "http://127.0.0.1:notaport", "ftp://127.0.0.1"])
async def test_an_address_that_is_none_is_away(
    incidents: Incidents, store: LogStore, clock: ManualClock, address: str
) -> None:
    overview = Overview(address, incidents, store, Keys.new, clock)
    assert isinstance((await overview.snapshot(Sight())).metrics, Away)
    await overview.aclose()


async def test_a_log_store_that_fails_is_away_alone(
    overview: Overview, store: EmbeddedStore, later: Callable[[], None]
) -> None:
    store._control.query("RENAME TABLE logs TO hidden")
    try:
        snapshot = await overview.snapshot(Sight())
    finally:
        store._control.query("RENAME TABLE hidden TO logs")
    assert isinstance(snapshot.logs, Away)
    assert isinstance(snapshot.users, Away)
    assert not isinstance(snapshot.incidents, Away)
    later()
    assert not isinstance((await overview.snapshot(Sight())).logs, Away)


async def test_a_state_database_that_fails_is_away_alone(
    overview: Overview, incidents: Incidents, clock: ManualClock
) -> None:
    with incidents._state.write() as connection:
        connection.exec_driver_sql("ALTER TABLE incidents RENAME TO hidden")
    snapshot = await overview.snapshot(Sight())
    assert isinstance(snapshot.incidents, Away)
    assert not isinstance(snapshot.logs, Away)
