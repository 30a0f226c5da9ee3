"""The keeper: runs retention, relieves the disk and measures the store, for as long as the server runs."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry

from wardlight.clock import Clock, moment
from wardlight.config import Settings
from wardlight.looking import looking
from wardlight.store import LogStore
from wardlight.store.disk import FreeBytes, Pressure, days_left, with_trail
from wardlight.store.facts import BACKUP, DRILL, Facts
from wardlight.store.gauges import Gauges
from wardlight.store.holds import Holds
from wardlight.store.months import months
from wardlight.store.partitions import partitions
from wardlight.store.removal import Remover
from wardlight.store.retention import Retention
from wardlight.store.state import State

LOOK_SECONDS = 10.0
"""Between two looks at the disk."""
PASS_SECONDS = 3600.0
"""Between two passes of retention; a stopped one looks at the clock each minute."""
MEASURE_SECONDS = 60.0

_log = logging.getLogger(__name__)


def free_bytes(directory: Path) -> FreeBytes:
    """Measure the disk that a directory is on."""
    return lambda: shutil.disk_usage(directory).free


class Keeper:
    """Looks after the store. `look` blocks: `running` calls it in a thread.

    `also` is called after each pass of retention that trusts the clock, with the time.
    """

    def __init__(
        self, store: LogStore, state: State, settings: Settings, clock: Clock, *,
        free: FreeBytes, registry: CollectorRegistry, also: Callable[[datetime], None] = lambda _now: None,
    ) -> None:  # fmt: skip
        self._store = store
        self._settings = settings
        self._clock = clock
        self._free = free
        self._gauges = Gauges(registry)
        self._gauges.set_limits(settings.store.disk_reserve_bytes, settings.store.disk_warning_days)
        self._facts = Facts(state)
        self._holds = Holds(state, clock)
        remover = Remover(store, self._holds, self._gauges.removed)
        self._retention = Retention(store, remover, settings.retention, self._facts, clock)
        self._pressure = Pressure(store, remover, clock, free, settings.store.disk_reserve_bytes)
        self._also = also
        self._next_pass = self._next_measure = clock.monotonic()
        self.admit = self._pressure.admit

    def running(self) -> AbstractAsyncContextManager[None]:
        """Look, and look again, while inside; a look that fails is logged, counted and followed by the next."""
        return looking(self.look, lambda: LOOK_SECONDS, "looking after the log store", self._gauges.failed)

    def look(self) -> None:
        """Do what is due: the disk always, retention hourly, measuring each minute."""
        now = self._clock.monotonic()
        try:
            if now >= self._next_pass:
                self._retention.run()
                self._next_pass = now + (MEASURE_SECONDS if self._retention.stopped else PASS_SECONDS)
                if not self._retention.stopped:
                    self._also(moment(self._clock.now_ns()))
        finally:
            self._pressure.relieve()
            self._gauges.disk(self._free(), full=self._pressure.full)
        if now >= self._next_measure:
            self._measure()
            self._next_measure = now + MEASURE_SECONDS

    def _measure(self) -> None:
        found = partitions(self._store)
        self._gauges.sizes(found)
        spare = self._free() - self._settings.store.disk_reserve_bytes
        all_ = with_trail(found, months(self._store))
        self._gauges.days_left(days_left(all_, self._settings.retention, spare, moment(self._clock.now_ns())))
        self._gauges.retention(stopped=self._retention.stopped, holds=len(self._holds.listed()))
        if backup := self._facts.get(BACKUP):
            self._gauges.backup(backup.at, backup.value["destination"])
        if drill := self._facts.get(DRILL):
            self._gauges.drill(drill.at, drill.value["destination"], good=drill.value["good"])
