"""How long the audit trail is kept: months of the table `audit`, then entries of the ledger.

A month goes when its last day is past `retention.audit_days`. One that has an event of a patient or user on hold stays
whole; a hold on everything keeps everything. Of the ledger goes what came before that and before every event that is
still in the table, so that whatever is kept can be proven and projected again. The tree's hashes stay for ever.
"""

from __future__ import annotations

import logging
from datetime import datetime

from wardlight.clock import Clock
from wardlight.ledger import Ledger
from wardlight.store import LogStore
from wardlight.store.facts import CLOCK, Facts
from wardlight.store.holds import Holds
from wardlight.store.months import Month, drop_month, holds_events, kept_from, months, oldest_received
from wardlight.store.state import State

_MARGIN_NS = 3_600_000_000_000
"""Between an event's receipt and its place in the ledger lies less, also when the clock is set back meanwhile."""
_log = logging.getLogger(__name__)


class Keep:
    """Retention of the audit trail. `run` blocks: the keeper calls it in a thread, after a pass that trusts the clock."""

    def __init__(self, store: LogStore, ledger: Ledger, state: State, clock: Clock, *, days: int) -> None:
        self._store = store
        self._ledger = ledger
        self._holds = Holds(state, clock)
        self._facts = Facts(state)
        self._days = days

    def run(self, now: datetime, *, projected: bool) -> None:
        """Remove what is past its days at a time that is trusted.

        The ledger is judged by the table only when all of it is `projected`.
        """
        since = kept_from(now.date(), self._days)
        for month in months(self._store):
            if month.end <= since.date():
                self._remove(month)
        if projected:
            self._prune(_ns(since))

    def since_ns(self) -> int:
        """Say from when on events are projected, nanoseconds since 1970: those before are past their days.

        While anything is on hold, from the beginning; so too while no time is trusted.
        """
        trusted = self._facts.get(CLOCK)
        if trusted is None or not self._holds.held().nothing:
            return 0
        return _ns(kept_from(trusted.at.date(), self._days))

    def _remove(self, month: Month) -> None:
        """Drop a month that nothing holds; as in `store/removal.py` nobody can place a hold unseen meanwhile."""
        seen = self._holds.held()
        if seen.everything or (not seen.nothing and holds_events(self._store, month, seen)):
            return
        with self._holds.still() as now:
            if now != seen:
                return
            drop_month(self._store, month)
        _log.info("removed %d audit events of %s: past retention.audit_days", month.events, month.partition)

    def _prune(self, before_ns: int) -> None:
        """Let the ledger forget what is neither young enough nor in the table."""
        if not self._holds.held().everything:
            oldest = oldest_received(self._store)
            self._ledger.prune(before_ns if oldest is None else min(before_ns, oldest - _MARGIN_NS))


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000
