"""Removing a partition without touching what is legally held."""

from __future__ import annotations

import logging
from collections.abc import Callable

from wardlight.store import LogStore
from wardlight.store.holds import Holds
from wardlight.store.partitions import Partition, drop, held_records, reduce, reducing

Removed = Callable[[Partition, str], None]
"""Told of each removed partition, and why: `expired`, `disk`, or `held` when it was reduced to what is held."""

_log = logging.getLogger(__name__)


class Remover:
    """Drops partitions, or reduces them to what holds preserve."""

    def __init__(self, store: LogStore, holds: Holds, told: Removed) -> None:
        self._store = store
        self._holds = holds
        self._told = told

    def remove(self, partition: Partition, why: str, *, may_reduce: bool) -> bool:
        """Drop a partition, or reduce it to what is held if that `may_reduce` it; say whether it was dropped.

        Looking for held records may take long; nobody can place a hold only between the last look at the holds and the
        engine's word. If they have changed since, the partition stays for the next pass.
        """
        seen = self._holds.held()
        if seen.everything:
            return False
        held, records = (0, partition.records) if seen.nothing else held_records(self._store, partition, seen)
        if held and (held == records or not may_reduce or reducing(self._store)):
            return False
        with self._holds.still() as now:
            if now != seen:
                return False
            if held:
                reduce(self._store, partition, seen)
            else:
                drop(self._store, partition)
        outcome = "held" if held else why
        _log.info("removed %s (%s): of %d records %d are kept", partition, outcome, records, held)
        self._told(partition, outcome)
        return not held
