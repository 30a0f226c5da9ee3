"""What goes wrong inside the application while a fault lasts, beside the features."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from prometheus_client import Gauge
from psycopg import AsyncConnection, OperationalError

from willow_clinic.database import Database
from willow_clinic.faults import Faults

VERSIONS = ("2.4.0", "2.5.0")
"""The application's version, and the next."""
CONNECTIONS = 31
"""So many that, with those in use, more than four fifths of the database's are taken."""
LOOK = 0.25
"""Seconds between two looks whether a fault has begun or ended."""

_build = Gauge("willow_build_info", "1, for the version that runs", ["version"])
_week = Gauge("willow_week_over", "1 while a week is said to be over")


def all_of(database: Database, faults: Faults) -> list[Coroutine[None, None, None]]:
    """List what runs as long as the application does."""
    return [_show(faults), _hold(database, faults, "records-locked"), _hold(database, faults, "connections-taken")]


async def _show(faults: Faults) -> None:
    """Be killed, go over to another version, say that the week is over."""
    while True:
        if faults.active("application-killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        _build.clear()
        _build.labels(VERSIONS[faults.active("new-version")]).set(1)
        _week.set(faults.active("week-over"))
        await asyncio.sleep(LOOK)


async def _hold(database: Database, faults: Faults, fault: str) -> None:
    """Hold what a fault holds for as long as it lasts; a database that is away frees everything."""
    holding = _lock if fault == "records-locked" else _connections
    while True:
        if faults.active(fault):
            with suppress(OperationalError):
                async with holding(database.address("app")):
                    while faults.active(fault):  # noqa: ASYNC110 -- another process ends it
                        await asyncio.sleep(LOOK)
        await asyncio.sleep(LOOK)


@asynccontextmanager
async def _lock(address: str) -> AsyncIterator[None]:
    async with await AsyncConnection.connect(address) as connection:
        await connection.execute("LOCK TABLE patients")
        yield


@asynccontextmanager
async def _connections(address: str) -> AsyncIterator[None]:
    async with AsyncExitStack() as held:
        with suppress(OperationalError):  # fewer are free
            for _ in range(CONNECTIONS):
                await held.enter_async_context(await AsyncConnection.connect(address))
        yield
