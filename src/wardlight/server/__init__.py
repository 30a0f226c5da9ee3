"""Puts the rooms together into one ASGI application, wing by wing; nothing is decided here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool

from wardlight import __version__
from wardlight.api.direct import Straight
from wardlight.api.gate import Gate
from wardlight.api.host import Hosts
from wardlight.clock import Clock, SystemClock
from wardlight.config import Settings
from wardlight.problems import Problem
from wardlight.server import access, alerts, changes, logs, pages, trail
from wardlight.server.ground import Wing, lay
from wardlight.store import Limits, LogStore, owner
from wardlight.store.restore import refuse_unfinished


def create_app(settings: Settings, data: Path, clock: Clock | None = None, *, open_: bool = False) -> FastAPI:
    """Open everything under `data` and return the application; its shutdown closes everything again.

    With `open_` nobody signs in: for loopback addresses only.
    """
    refuse_unfinished(data)
    opened = ExitStack()
    try:
        return _put_together(settings, data, clock or SystemClock(), opened, open_=open_)
    except BaseException:
        opened.close()  # the engine doesn't survive an exit while it is open
        raise


def _put_together(settings: Settings, data: Path, clock: Clock, opened: ExitStack, *, open_: bool) -> FastAPI:
    """Build the wings, and join them."""
    ground = lay(settings, data, clock, opened)
    audited = trail.build(ground)
    logged = logs.build(ground, audited)
    alerted = alerts.build(ground, audited)
    told = changes.build(ground, logged.commits)
    entrance = access.build(ground, audited, told.log, open_=open_)
    listeners = Wing(running=[logs.listening(ground, logged.sink, entrance.house.known)])
    seen = pages.build(ground, audited, logged, alerted, told)
    wings = (logged.wing, alerted.wing, audited.wing, told.wing, seen, entrance.wing, listeners)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with opened, owner.announced(data, ground.running):
            async with AsyncExitStack() as running:
                for wing in wings:
                    for close in wing.closing:
                        running.push_async_callback(close)
                    for run in wing.running:
                        await running.enter_async_context(run())
                yield

    app = FastAPI(
        title="Wardlight", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )  # fmt: skip
    app.state.certificate = ground.certificate
    app.add_exception_handler(Problem, _told)
    for wing in wings:
        for router in wing.routers:
            app.include_router(router)
    _health(app, ground.registry, logged.store)
    app.state.house = entrance.house
    app.add_middleware(Straight)
    app.add_middleware(Gate, house=entrance.house, routes=app.routes)
    app.add_middleware(Hosts, server=settings.server)
    return app


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
