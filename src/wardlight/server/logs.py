"""The wing of logs: the front door, the store and its keeper, questions, rules on logs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from wardlight.api import elasticsearch, ingest, lines, loki
from wardlight.api import rules as rules_api
from wardlight.api import store as store_api
from wardlight.api.gate import Known
from wardlight.query import QueryService, Reader
from wardlight.receive.books import Books
from wardlight.receive.otlp_grpc import OtlpGrpcServer
from wardlight.receive.sink import Sink
from wardlight.receive.syslog_server import SyslogServer
from wardlight.rules import Queries, Ruler
from wardlight.server.ground import Ground, Wing
from wardlight.server.trail import Audit
from wardlight.store.backup import Backups
from wardlight.store.commit import Fresh, GroupCommit, Pace
from wardlight.store.journal import Journal
from wardlight.store.keeper import Keeper
from wardlight.store.stats import measure
from wardlight.tls import expose


@dataclass(frozen=True, kw_only=True)
class Logs:
    """The parts that other wings need."""

    store: Fresh
    commits: GroupCommit
    sink: Sink
    queries: QueryService
    wing: Wing


def build(ground: Ground, audit: Audit) -> Logs:
    """Open the way into the store, and the ways to ask it."""
    settings, clock, registry = ground.settings, ground.clock, ground.registry
    books = Books(registry)
    commits = _commits(ground, books)
    store = Fresh(ground.engine, commits, audit.projection)

    def also(now: datetime) -> None:
        audit.keep.run(now, projected=audit.projection.settle(0))

    keeper = Keeper(ground.engine, ground.state, settings, clock, free=ground.free, registry=registry, also=also)
    sink = Sink(ground.protector, commits, audit.trail, books, clock, room=keeper.admit)

    def look(reader: Reader, query: str) -> None:
        audit.looks.note(reader.name, query, address=reader.address)

    queries = QueryService(store, settings.query, clock, lambda: ground.keys, look)
    ruler = Ruler(
        Queries(queries), ground.data, settings, state=ground.state, clock=clock, registry=registry,
        tell=ground.outbox.put,
    )  # fmt: skip
    backups = Backups(ground.data, ground.engine, ground.state, clock, commits.settle)

    wing = Wing(
        routers=[
            *(door.router(sink, settings.receive, clock) for door in (ingest, lines, elasticsearch)),
            loki.router(queries),
            rules_api.router(ruler),
            store_api.router(lambda: measure(store, settings, ground.free(), clock.now_ns()), backups, commits),
        ],
        running=[keeper.running, ground.outbox.running, ruler.running],
    )
    return Logs(store=store, commits=commits, sink=sink, queries=queries, wing=wing)


def listening(ground: Ground, sink: Sink, known: Known) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Make the listeners beside HTTP; senders by gRPC are let in as the gate does it."""
    receive, https = ground.settings.receive, ground.certificate
    syslog = SyslogServer(sink, receive, ground.clock)
    grpc = OtlpGrpcServer(
        sink,
        receive,
        ground.clock,
        files=https.files if https else None,
        authorise=known.sender if known.closed else None,
    )
    expose([one for one in (https, syslog.certificate) if one], ground.registry)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with AsyncExitStack() as listeners:
            for listener in (syslog, grpc):
                listeners.push_async_callback(listener.close)
                await listener.start()
            yield

    return running


def _commits(ground: Ground, books: Books) -> GroupCommit:
    """Open the journal in front of the engine."""
    settings = ground.settings
    pace = Pace(
        flush_rows=settings.store.flush_rows,
        flush_seconds=settings.store.flush_seconds,
        max_bytes=settings.receive.max_queue_bytes,
    )
    journal = Journal(ground.data / "logs" / "journal", ground.clock)
    commits = GroupCommit(ground.engine, journal, pace, books.committed)
    ground.opened.callback(commits.close)
    return commits
