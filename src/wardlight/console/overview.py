"""Gathering: one snapshot of everything for all readers who see the same, at most every two seconds."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import httpx

from wardlight.clock import Clock, moment
from wardlight.console.prometheus import readings
from wardlight.console.snapshot import Away, Duty, IncidentsNow, Metrics, Snapshot, metrics_of
from wardlight.incidents import SEVERITIES, Incidents
from wardlight.problems import Problem
from wardlight.records import KINDS, Sight
from wardlight.store import LogStore
from wardlight.store.newest import ActiveUser, LogLine, active_users, newest
from wardlight.store.sight import Keys, View

FRESH_SECONDS = 2.0
LINES = 10
"""Lines shown of each kind."""
USERS = 12
_RECENT_NS = 5 * 60 * 1_000_000_000
_TIMEOUT = 1.5
_PATIENCE = 5.0
"""Seconds until a source that blocks is called away."""

T = TypeVar("T")


@dataclass
class _Kept:
    """The last snapshot of some readers, and when it was taken."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    snapshot: Snapshot | None = None
    taken: float = 0.0


class Overview:
    """Asks Prometheus, the incidents and the log store at once; what fails is `Away` in its place."""

    def __init__(
        self,
        prometheus_url: str,
        incidents: Incidents,
        store: LogStore,
        keys: Callable[[], Keys],
        clock: Clock,
        *,
        on_call: Callable[[], tuple[Duty, ...]] = tuple,
    ) -> None:
        self._prometheus_url = prometheus_url.rstrip("/")
        self._incidents = incidents
        self._store = store
        self._keys = keys
        self._clock = clock
        self._on_call = on_call
        # Prometheus is a neighbour: a proxy of the environment is not for it.
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)
        self._since = moment(clock.now_ns())
        self._kept: defaultdict[Sight, _Kept] = defaultdict(_Kept)

    async def snapshot(self, sight: Sight) -> Snapshot:
        """Show the present state; readers who see the same and come together share one."""
        kept = self._kept[sight]
        async with kept.lock:
            if kept.snapshot is None or self._clock.monotonic() - kept.taken >= FRESH_SECONDS:
                kept.snapshot = await self._gather(View(sight, self._keys()))
                kept.taken = self._clock.monotonic()
            return kept.snapshot

    async def aclose(self) -> None:
        """Close the connections to Prometheus."""
        await self._client.aclose()

    async def _gather(self, view: View) -> Snapshot:
        metrics, incidents, on_call, logs, users = await asyncio.gather(
            _or_away(self._metrics()),
            _or_away(_in_thread(self._incidents_now)),
            _or_away(_in_thread(self._on_call)),
            _or_away(self._newest(view)),
            _or_away(_in_thread(partial(self._users, view))),
        )
        return Snapshot(
            at=moment(self._clock.now_ns()),
            since=self._since,
            metrics=metrics,
            incidents=incidents,
            on_call=on_call,
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

    async def _newest(self, view: View) -> dict[str, tuple[LogLine, ...]]:
        kinds = [kind for kind in KINDS if kind in view.sight.kinds]
        found = await asyncio.gather(*(_in_thread(partial(newest, self._store, view, kind, LINES)) for kind in kinds))
        return dict(zip(kinds, found, strict=True))

    def _users(self, view: View) -> tuple[ActiveUser, ...]:
        return active_users(self._store, view, self._clock.now_ns() - _RECENT_NS, USERS)


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
