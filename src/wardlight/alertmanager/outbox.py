"""Telling Alertmanager: a bounded queue, tried again until it is taken."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge

from wardlight.clock import moment
from wardlight.records import stream_of

MAX_QUEUE = 10_000
"""Most alerts that wait; beyond it the oldest go."""
BATCH = 64
SECONDS = 10.0
"""Longest wait for an answer."""
PAUSE, MAX_PAUSE = 1.0, 30.0
"""First and longest pause between two tries; each is twice the one before."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What Alertmanager is told of one alert; times in nanoseconds."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_ns: int
    ends_ns: int
    """When it ended, or until when this notice holds."""
    link: str


class Outbox:
    """Posts notices to Alertmanager's v2 API, in order; of two that wait for one alert only the later goes."""

    def __init__(self, alertmanager: str, registry: CollectorRegistry) -> None:
        self._url = f"{alertmanager.rstrip('/')}/api/v2/alerts"
        self._waiting: dict[str, Notice] = {}
        self._lock = threading.Lock()
        self._filled = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._well = True

        def counter(name: str, help_: str) -> Counter:
            return Counter(f"wardlight_alertmanager_{name}", help_, registry=registry)

        self._sent = counter("alerts_sent", "Alerts that Alertmanager took.")
        self._dropped = counter("alerts_dropped", "Alerts dropped: too many waited, or Alertmanager refused them.")
        self._failures = counter("send_failures", "Posts to Alertmanager that failed.")
        queue = Gauge("wardlight_alertmanager_queue", "Alerts that wait for Alertmanager.", registry=registry)
        queue.set_function(lambda: len(self._waiting))

    def put(self, notices: Iterable[Notice]) -> None:
        """Queue notices; from any thread."""
        with self._lock:
            for notice in notices:
                key = stream_of(notice.labels)
                self._waiting.pop(key, None)
                self._waiting[key] = notice
            for key in list(self._waiting)[: max(0, len(self._waiting) - MAX_QUEUE)]:
                del self._waiting[key]
                self._dropped.inc()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._filled.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Post what is queued while inside. What waits at the end is told again after the next start."""
        self._loop = asyncio.get_running_loop()
        self._filled.set()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._loop = None
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        pause = PAUSE
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while batch := self._next():
                    if await self._post(client, batch):
                        pause = PAUSE
                    else:
                        await asyncio.sleep(pause)
                        pause = min(pause * 2, MAX_PAUSE)

    def _next(self) -> dict[str, Notice]:
        with self._lock:
            return {key: self._waiting[key] for key in list(self._waiting)[:BATCH]}

    async def _post(self, client: httpx.AsyncClient, batch: Mapping[str, Notice]) -> bool:
        """Post some notices; say whether they are done with."""
        try:
            answer = await client.post(self._url, json=[_alert(notice) for notice in batch.values()])
        except httpx.HTTPError as error:
            return self._failed(type(error).__name__)
        refused = 400 <= answer.status_code < 500 and answer.status_code != 429
        if not answer.is_success:
            self._failed(f"status {answer.status_code}")
        if not (answer.is_success or refused):
            return False
        if answer.is_success and not self._well:
            _log.info("Alertmanager takes alerts again")
            self._well = True
        (self._dropped if refused else self._sent).inc(len(batch))
        with self._lock:
            for key, notice in batch.items():
                if self._waiting.get(key) is notice:
                    del self._waiting[key]
        return True

    def _failed(self, why: str) -> bool:
        self._failures.inc()
        if self._well:
            _log.error("Alertmanager doesn't take alerts: %s", why)
            self._well = False
        return False


def _alert(notice: Notice) -> dict[str, Any]:
    return {
        "labels": dict(notice.labels),
        "annotations": dict(notice.annotations),
        "startsAt": moment(notice.starts_ns).isoformat(),
        "endsAt": moment(notice.ends_ns).isoformat(),
        "generatorURL": notice.link,
    }
