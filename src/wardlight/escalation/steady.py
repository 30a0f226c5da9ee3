"""The clock of timers: wall time that never runs backwards, over restarts and among servers.

A clock that is set back would let everything that is due wait. So timers go by a time that advances at least as the
monotonic clock does, and begins where the state database says that it was. Set forward, it makes timers due early: a
call too early is better than one that doesn't come. It is written every `SAVE` while something is under way, and the
server that is behind takes it over: two servers on one database agree to within that.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from wardlight.clock import Clock, moment
from wardlight.escalation.tables import clocks
from wardlight.store.state import State

SAVE = timedelta(seconds=10)
_NAME = "steady"


class Steady:
    """One server's view of that time."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        self._monotonic = clock.monotonic()
        self._at = moment(clock.now_ns())
        self._saved: datetime | None = None
        self._adopt()

    def now(self) -> datetime:
        """Read it."""
        with self._lock:
            monotonic = self._clock.monotonic()
            run = self._at + timedelta(seconds=monotonic - self._monotonic)
            self._at, self._monotonic = max(run, moment(self._clock.now_ns())), monotonic
            return self._at

    def save(self) -> None:
        """Write it down, if that is due, and take over what another server wrote."""
        now = self.now()
        if self._saved is not None and now - self._saved < SAVE:
            return
        with self._state.write() as connection:
            seen = connection.scalar(select(clocks.c.at).where(clocks.c.name == _NAME))
            if seen is None:
                connection.execute(insert(clocks).values(name=_NAME, at=now))
            elif seen < now:
                connection.execute(update(clocks).where(clocks.c.name == _NAME).values(at=now))
        self._saved = now
        self._adopt()

    def _adopt(self) -> None:
        with self._state.read() as connection:
            seen = connection.scalar(select(clocks.c.at).where(clocks.c.name == _NAME))
        with self._lock:
            self._at = max(self._at, seen or self._at)
