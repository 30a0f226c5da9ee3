"""Disk pressure: how long the disk lasts, and what goes first when it is short.

Below `store.disk_reserve_bytes` of free space the oldest partitions go before their time, one by one: application logs
first, then errors, then security logs older than `SECURITY_DAYS`. Today's never, audit never, and none that holds
legally held records: writing it anew would need the space that is lacking. When nothing may go, senders are refused.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from wardlight.clock import Clock, moment
from wardlight.config import Retention as Days
from wardlight.problems import Unavailable
from wardlight.store import LogStore
from wardlight.store.months import Month
from wardlight.store.partitions import Partition, partitions
from wardlight.store.removal import Remover
from wardlight.store.retention import days_of

SECURITY_DAYS = 30
"""Security logs of so many days aren't dropped for space: an attack that fills the disk must not erase its traces."""
HORIZON_DAYS = 366
"""How far ahead the disk is reckoned; beyond it, it lasts."""

_DAY = timedelta(days=1)
_log = logging.getLogger(__name__)

FreeBytes = Callable[[], int]
"""Measures what is free on the store's disk."""


def droppable(found: Sequence[Partition], today: date) -> list[Partition]:
    """Order what may go before its time."""
    youngest = {"application": today - _DAY, "error": today - _DAY, "security": today - SECURITY_DAYS * _DAY}
    order = list(youngest)
    return sorted(
        (one for one in found if one.kind in youngest and one.day <= youngest[one.kind]),
        key=lambda one: (order.index(one.kind), one.day),
    )


def with_trail(found: Sequence[Partition], trail: Sequence[Month]) -> list[Partition]:
    """Add the bytes of the table `audit` to those of the days of audit records, which are of the same events."""
    records = sum(one.records for one in found if one.kind == "audit")
    an_event = sum(month.bytes for month in trail) / records if records else 0.0
    return [
        replace(one, bytes=one.bytes + int(one.records * an_event)) if one.kind == "audit" else one for one in found
    ]


def growth(found: Sequence[Partition], now: datetime) -> dict[str, float]:
    """Reckon bytes a day of each kind from the last 24 hours; empty within the first hour of a store.

    Of yesterday's partition the share counts that lies within 24 hours. A younger store is reckoned up to a day.
    """
    oldest = min((one.oldest for one in found), default=now)
    span = min((now - oldest) / _DAY, 1.0)
    if span < 1 / 24:
        return {}
    gone = (now - datetime.combine(now.date(), datetime.min.time(), now.tzinfo)) / _DAY
    share = {now.date(): 1.0, now.date() - _DAY: 1.0 - gone}
    rates: dict[str, float] = defaultdict(float)
    for one in found:
        rates[one.kind] += one.bytes * share.get(one.day, 0.0) / span
    return dict(rates)


def days_left(found: Sequence[Partition], settings: Days, spare: int, now: datetime) -> float:
    """Reckon after how many days `spare` bytes are used up, with retention going on; infinity beyond the horizon."""
    if spare < 0:
        return 0.0
    rates = growth(found, now)
    leaving: dict[int, int] = defaultdict(int)
    for one in found:
        leaving[max(1, days_of(settings, one.kind) + 1 - (now.date() - one.day).days)] += one.bytes
    left = float(spare)
    for day in range(HORIZON_DAYS):
        # After its days a kind loses what it gains.
        grown = sum(rate for kind, rate in rates.items() if day <= days_of(settings, kind)) - leaving.get(day + 1, 0)
        if grown > left:
            return day + left / grown
        left -= grown
    return float("inf")


class Pressure:
    """Keeps the reserve free. `relieve` blocks; `admit` is quick."""

    def __init__(self, store: LogStore, remover: Remover, clock: Clock, free: FreeBytes, reserve: int) -> None:
        self._store = store
        self._remover = remover
        self._clock = clock
        self._free = free
        self._reserve = reserve
        self.full = False
        """Whether senders are refused."""

    def relieve(self) -> None:
        """Make room if there is too little; afterwards senders are refused if that didn't help.

        Another server's disk is that server's business.
        """
        if not self._store.where.local:
            return
        if self._free() < self._reserve:
            for partition in droppable(partitions(self._store), moment(self._clock.now_ns()).date()):
                if self._free() >= self._reserve:
                    break
                if self._remover.remove(partition, "disk", may_reduce=False):
                    _log.warning("dropped %s before its time: the disk is short of space", partition)
        full = self._free() < self._reserve
        if full and not self.full:
            _log.error("the log store's disk is full and nothing more may be dropped: senders are refused")
        self.full = full

    def admit(self) -> None:
        """Let records in. Raises Unavailable with the reason."""
        if self.full:
            raise Unavailable(
                "the log store's disk has less than store.disk_reserve_bytes free and nothing more may be dropped",
                retry_after=30,
            )
