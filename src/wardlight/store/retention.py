"""Retention: each kind's partitions are dropped whole when their last possible record is past its days.

A partition that holds legally held records is reduced to them instead; they stay where they are and can be asked for.

A wrong clock must not empty the store. Each pass remembers the time that it trusted; a clock that is more than
`PLAUSIBLE_STEP` ahead of it (or, in a store without memory, of the newest record) stops retention until it is right
again or an administrator confirms it. A clock set back removes nothing too early, and isn't remembered.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from wardlight.clock import Clock, moment
from wardlight.config import Retention as Days
from wardlight.store import LogStore
from wardlight.store.facts import CLOCK, Facts
from wardlight.store.partitions import Partition, partitions
from wardlight.store.removal import Remover

PLAUSIBLE_STEP = timedelta(days=7)
"""How far time may have gone on since it was last trusted: no server of an hourly pass sleeps longer unnoticed."""

_log = logging.getLogger(__name__)


def days_of(settings: Days, kind: str) -> int:
    """Say how long a kind is kept."""
    days: int = getattr(settings, f"{kind}_days")
    return days


def expired(found: Sequence[Partition], settings: Days, now: datetime) -> list[Partition]:
    """Choose the partitions whose day ended longer ago than their kind is kept."""
    return [partition for partition in found if (now.date() - partition.day).days > days_of(settings, partition.kind)]


class Retention:
    """Removes what is past its days. `run` blocks: call it in a thread."""

    def __init__(self, store: LogStore, remover: Remover, settings: Days, facts: Facts, clock: Clock) -> None:
        self._store = store
        self._remover = remover
        self._settings = settings
        self._facts = facts
        self._clock = clock
        self.stopped = False
        """Whether the last pass didn't trust the clock."""

    def run(self) -> None:
        """Make one pass."""
        now = moment(self._clock.now_ns())
        found = partitions(self._store)
        trusted = self._trusted(found, now)
        self.stopped = now - trusted > PLAUSIBLE_STEP
        if self.stopped:
            _log.error(
                "retention is stopped: the clock says %s, and it was last trusted at %s; if it is right, "
                "confirm it with `wardlight store confirm-clock`", now, trusted,
            )  # fmt: skip
            return
        for partition in expired(found, self._settings, now):
            self._remover.remove(partition, "expired", may_reduce=True)
        # Last, because a full disk has no room for it.
        self._facts.put(CLOCK, max(now, trusted))

    def _trusted(self, found: Sequence[Partition], now: datetime) -> datetime:
        """Return the latest time that is believed: of the last pass, else of the newest record that isn't ahead."""
        fact = self._facts.get(CLOCK)
        return fact.at if fact else min(max((one.newest for one in found), default=now), now)
