"""Gathering: one snapshot of everything for all readers, at most every two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from wardlight.clock import Clock, moment
from wardlight.console.prometheus import readings
from wardlight.console.snapshot import Away, IncidentsNow, Metrics, Snapshot, metrics_of
from wardlight.incidents import SEVERITIES, Incidents
from wardlight.problems import Problem
from wardlight.records import KINDS
from wardlight.store import LogStore
from wardlight.store.newest import ActiveUser, LogLine, active_users, newest

FRESH_SECONDS = 2.0
LINES = 10
"""Lines shown of each kind."""
USERS = 12
_RECENT_NS = 5 * 60 * 1_000_000_000
_TIMEOUT = 1.5
_PATIENCE = 5.0
"""Seconds until a source that blocks is called away."""

T = TypeVar("T")


class Overview:
    """Asks Prometheus, the incidents and the log store at once; what fails is `Away` in its place."""

    def __init__(self, prometheus_url: str, incidents: Incidents, store: LogStore, clock: Clock) -> None:
        self._prometheus_url = prometheus_url.rstrip("/")
        self._incidents = incidents
        self._store = store
        self._clock = clock
        # Prometheus is a neighbour: a proxy of the environment is not for it.
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)
        self._lock = asyncio.Lock()
        self._since = moment(clock.now_ns())
        self._last: Snapshot | None = None
        self._taken = 0.0

    async def snapshot(self) -> Snapshot:
        """Show the present state; readers who come together share one."""
        async with self._lock:
            if self._last is None or self._clock.monotonic() - self._taken >= FRESH_SECONDS:
                self._last = await self._gather()
                self._taken = self._clock.monotonic()
            return self._last

    async def aclose(self) -> None:
        """Close the connections to Prometheus."""
        await self._client.aclose()

    async def _gather(self) -> Snapshot:
        metrics, incidents, logs, users = await asyncio.gather(
            _or_away(self._metrics()),
            _or_away(_in_thread(self._incidents_now)),
            _or_away(_in_thread(self._newest)),
            _or_away(_in_thread(self._users)),
        )
        return Snapshot(
            at=moment(self._clock.now_ns()),
            since=self._since,
            metrics=metrics,
            incidents=incidents,
            logs=logs,
            users=users,
        )

    async def _metrics(self) -> Metrics:
        return metrics_of(await readings(self._client, self._prometheus_url, self._clock.now_ns() / 1e9))

    def _incidents_now(self) -> IncidentsNow:
        running = reversed(self._incidents.pending())
        resolved = self._incidents.listed("resolved", limit=1)
        return IncidentsNow(
            open=tuple(sorted(running, key=lambda it: -SEVERITIES.index(it.severity))),
            last_resolved=resolved[0] if resolved else None,
            watchdog_heard=self._incidents.watchdog_heard(),
        )

    def _newest(self) -> dict[str, tuple[LogLine, ...]]:
        return {kind: newest(self._store, kind, LINES) for kind in KINDS}

    def _users(self) -> tuple[ActiveUser, ...]:
        return active_users(self._store, self._clock.now_ns() - _RECENT_NS, USERS)


async def _in_thread(ask: Callable[[], T]) -> T:
    return await asyncio.wait_for(asyncio.to_thread(ask), _PATIENCE)


async def _or_away(asked: Awaitable[T]) -> T | Away:
    """Wait for a source; if it can't answer, say why."""
    try:
        return await asked
    except Problem as problem:
        return Away(str(problem))
    except TimeoutError:
        return Away("it takes too long to answer")
