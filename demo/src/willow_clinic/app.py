"""The application: its routes, what it answers when the database is away, and what it does beside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from prometheus_client import disable_created_metrics
from psycopg_pool import PoolTimeout
from starlette.routing import Route

import wardlight_sdk as wardlight
from willow_clinic import billing, mishaps, patients, people, schedule
from willow_clinic.database import Database, one
from willow_clinic.faults import EXIT_CODE, Faults
from willow_clinic.trouble import Trouble

_log = logging.getLogger(__name__)


def create(data: Path, database_port: int) -> FastAPI:
    """Make the application of one data directory."""
    database, faults = Database(data, database_port), Faults(data)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with database.opened():
            beside = [asyncio.create_task(job) for job in (*mishaps.all_of(database, faults), _log_off(database))]
            yield
            for task in beside:
                task.cancel()
        wardlight.close()

    app = FastAPI(title="Willow Clinic", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.database, app.state.faults = database, faults
    app.add_middleware(wardlight.Middleware)
    app.router.routes.append(Route("/metrics", wardlight.metrics_app))
    for router in (people.router, patients.router, schedule.router, billing.router):
        app.include_router(router)
    app.add_api_route("/healthz", healthz)
    app.add_api_route("/canary", canary, response_model=None)
    app.add_exception_handler(psycopg.OperationalError, _database_away)
    return app


async def healthz() -> dict[str, str]:
    """Say that the application is up, whatever the database does."""
    return {"status": "ok"}


async def canary(request: Request) -> JSONResponse | dict[str, str]:
    """Read the canary patient as a role that may read nothing else: proof that records can be read."""
    database: Database = request.app.state.database
    try:
        async with database.canary.connection() as connection:
            found = await one(connection, "SELECT mrn FROM canary_patient")
    except psycopg.Error as error:
        return JSONResponse({"status": "unreadable", "reason": type(error).__name__}, status_code=503)
    return {"status": "ok"} if found else JSONResponse({"status": "missing"}, status_code=503)


async def _database_away(_: Request, error: Exception) -> JSONResponse:
    wardlight.exception(error, "the database can't be reached")
    return JSONResponse({"detail": "the database can't be reached, try again"}, status_code=503)


async def _log_off(database: Database) -> None:
    """End idle sessions, once a minute."""
    while True:
        await asyncio.sleep(60)
        try:
            async with database.records.connection() as connection:
                await people.end_idle_sessions(connection)
        except (psycopg.OperationalError, PoolTimeout):
            _log.warning("idle sessions can't be ended, the database is away")


def serve(data: Path, port: int, database_port: int, endpoint: str) -> None:
    """Run the application on 127.0.0.1 until SIGTERM or SIGINT."""
    if Faults(data).active("application-killed"):
        raise Trouble("the application is killed on purpose (fault application-killed)", EXIT_CODE)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    disable_created_metrics()  # type: ignore[no-untyped-call]  # one series a counter is enough
    wardlight.setup("willow-clinic", endpoint=endpoint, environment="demo")
    uvicorn.run(
        create(data, database_port),
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,  # its lines would name patients
        timeout_graceful_shutdown=3,
    )
