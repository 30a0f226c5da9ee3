"""Puts the rooms together into one ASGI application; nothing is decided here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool

from wardlight import __version__, console
from wardlight.api import alertmanager, elasticsearch, fhir, incidents, ingest, lines, loki
from wardlight.api import audit as audit_api
from wardlight.api import ledger as ledger_api
from wardlight.api import projection as projection_api
from wardlight.api import rules as rules_api
from wardlight.api import store as store_api
from wardlight.audit.keep import Keep
from wardlight.audit.looks import Looks
from wardlight.audit.projection import Projection
from wardlight.audit.search import Search
from wardlight.audit.trail import Trail
from wardlight.clock import Clock, SystemClock
from wardlight.config import Settings
from wardlight.console import Overview
from wardlight.incidents import Incidents
from wardlight.ledger import Ledger
from wardlight.ledger.outside import Outside
from wardlight.ledger.witness import Witness
from wardlight.problems import Problem
from wardlight.query import QueryService
from wardlight.receive.books import Books
from wardlight.receive.otlp_grpc import OtlpGrpcServer
from wardlight.receive.sink import Sink
from wardlight.receive.syslog_server import SyslogServer
from wardlight.rules import Queries, Ruler
from wardlight.store import Limits, LogStore, owner
from wardlight.store.backup import Backups
from wardlight.store.commit import Fresh, GroupCommit, Pace
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.journal import Journal
from wardlight.store.keeper import Keeper, free_bytes
from wardlight.store.restore import refuse_unfinished
from wardlight.store.state import State
from wardlight.store.stats import measure


def create_app(settings: Settings, data: Path, clock: Clock | None = None) -> FastAPI:
    """Open everything under `data` and return the application; its shutdown closes everything again."""
    refuse_unfinished(data)
    opened = ExitStack()
    try:
        return _put_together(settings, data, clock or SystemClock(), opened)
    except BaseException:
        opened.close()  # the engine doesn't survive an exit while it is open
        raise


def _put_together(settings: Settings, data: Path, clock: Clock, opened: ExitStack) -> FastAPI:
    """Open the parts, each with how to close it, and join them."""
    engine = _engine(settings, data)
    opened.callback(engine.close)
    registry = _registry()
    books = Books(registry)
    pace = Pace(
        flush_rows=settings.store.flush_rows,
        flush_seconds=settings.store.flush_seconds,
        max_bytes=settings.receive.max_queue_bytes,
    )
    commits = GroupCommit(engine, Journal(data / "logs" / "journal", clock), pace, books.committed)
    opened.callback(commits.close)
    state = State(data / "state.db")
    opened.callback(state.close)
    ledger = _ledger(settings, data, clock, opened)
    keep = Keep(engine, ledger, state, clock, days=settings.retention.audit_days)
    projection = Projection(ledger, engine, registry, since_ns=keep.since_ns)
    projection.start()
    opened.callback(projection.close)
    store = Fresh(engine, commits, projection)
    trail = Trail(ledger, engine, registry)
    looks = Looks(trail, clock)
    search = Search(engine, settings.query, projection.settle)
    free = free_bytes(data)

    def also(now: datetime) -> None:
        keep.run(now, projected=projection.settle(0))

    keeper = Keeper(engine, state, settings, clock, free=free, registry=registry, also=also)
    sink = Sink(commits, trail, books, clock, keeper.admit)
    backups = Backups(data, engine, state, clock, commits.settle)
    running = owner.Running.at(settings.server.listen)
    kept = Incidents(state, clock)
    queries = QueryService(store, settings.query, clock)
    ruler = Ruler(Queries(queries), data, settings, state=state, clock=clock, registry=registry)
    overview = Overview(settings.stack.prometheus_url, kept, store, clock)

    listeners = (SyslogServer(sink, settings.receive, clock), OtlpGrpcServer(sink, settings.receive, clock))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with opened, owner.announced(data, running):
            async with keeper.running(), ruler.running(), AsyncExitStack() as listening:
                listening.push_async_callback(overview.aclose)
                for listener in listeners:
                    listening.push_async_callback(listener.close)
                    await listener.start()
                yield

    app = FastAPI(title="Wardlight", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_exception_handler(Problem, _told)
    for door in (ingest, lines, elasticsearch):
        app.include_router(door.router(sink, settings.receive, clock))
    app.include_router(loki.router(queries))
    app.include_router(rules_api.router(ruler))
    app.include_router(alertmanager.router(kept))
    app.include_router(ledger_api.router(ledger))
    app.include_router(fhir.router(trail, search, looks, settings.receive, clock))
    app.include_router(audit_api.router(search, ledger, looks, clock))
    app.include_router(projection_api.router(projection, running.key))
    app.include_router(incidents.router(kept))
    app.include_router(
        store_api.router(lambda: measure(store, settings, free(), clock.now_ns()), backups, commits, running.key)
    )
    app.include_router(console.router(overview))
    app.include_router(console.audit_router(search, looks))
    _health(app, registry, store)
    return app


def _engine(settings: Settings, data: Path) -> LogStore:
    """Open the log store that the settings name."""
    chosen = settings.store
    if chosen.clickhouse:
        from wardlight.store.clickhouse import ClickHouseStore

        return ClickHouseStore(chosen.clickhouse, cluster=chosen.cluster, text_index=chosen.text_index)
    return EmbeddedStore(data / "logs", text_index=chosen.text_index, readers=chosen.readers)


def _ledger(settings: Settings, data: Path, clock: Clock, opened: ExitStack) -> Ledger:
    """Open the ledger, and begin to show it to its witnesses."""
    ledger = Ledger(data / "ledger" / "log", settings.ledger.origin, clock)
    witnesses = [Witness.parse(one) for one in settings.ledger.witnesses]
    outside = Outside(ledger, witnesses, settings.ledger.timestamp_authority, clock)
    opened.callback(ledger.close)
    opened.callback(outside.close)
    ledger.start()
    outside.start()
    return ledger


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _health(app: FastAPI, registry: CollectorRegistry, store: LogStore) -> None:
    """Add what watches the watcher."""

    @app.get("/metrics", tags=["health"], summary="Wardlight's own metrics, in Prometheus's text format")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz", tags=["health"], summary="The process answers")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", tags=["health"], summary="The log store answers")
    async def readyz() -> PlainTextResponse:
        await run_in_threadpool(store.select, "SELECT 1", limits=Limits(seconds=5))
        return PlainTextResponse("ready\n")


async def _told(_request: Request, error: Exception) -> Response:
    """Answer a problem as JSON with its status."""
    problem = error if isinstance(error, Problem) else Problem(str(error))
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else None
    return JSONResponse({"error": str(problem)}, problem.status, headers)
