"""Changes to who gets in, each with the deed that the audit trail is told of.

A deed is written with the change, in one transaction, and struck out when it has been told: no change goes untold,
neither when the process dies between the two nor when the command line makes it while no server runs.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wardlight.access.tables import MIGRATIONS, deeds
from wardlight.clock import Clock, moment
from wardlight.problems import Problem
from wardlight.store.state import State

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deed:
    """Something that somebody did, like `person.invited`; `about` has no secret."""

    at: datetime
    action: str
    by: str
    about: dict[str, str]


Told = Callable[[Deed], None]
Row = sa.Row[Any]


class Change:
    """A transaction, and the deeds that are its reason."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.deeds: dict[str, Deed] = {}

    def note(self, action: str, by: str, **about: str) -> None:
        """Let the audit trail be told when the change is on disk."""
        key = secrets.token_hex(16)
        self.deeds[key] = Deed(self.now, action, by, about)
        row = {"id": key, "at": self.now, "action": action, "actor": by, "about": json.dumps(about, sort_keys=True)}
        self.connection.execute(sa.insert(deeds).values(row))


class Book:
    """The room's part of the state database."""

    def __init__(self, state: State, clock: Clock, told: Told | None = None) -> None:
        state.migrate("access", MIGRATIONS)
        self.state = state
        self._clock = clock
        self._told = told
        self._claimed: set[str] = set()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Say what time it is."""
        return moment(self._clock.now_ns())

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Change things, then tell why; without anybody to tell, the deeds wait."""
        with self.state.write() as connection:
            change = Change(connection, self.now())
            yield change
            self._claim(change.deeds)
        self._tell(change.deeds)

    def pass_on(self) -> None:
        """Tell what waits, oldest first: from an earlier run, from the command line, from when the trail was away."""
        query = sa.select(deeds).order_by(deeds.c.at, deeds.c.id)
        # What is being told is claimed before it can be seen here, and let go after it is struck out.
        with self._lock, self.state.read() as connection:
            rows = [row for row in connection.execute(query) if row.id not in self._claimed]
            self._claimed.update(row.id for row in rows)
        self._tell({row.id: Deed(row.at, row.action, row.actor, json.loads(row.about)) for row in rows})

    def _claim(self, keys: Iterable[str]) -> None:
        with self._lock:
            self._claimed.update(keys)

    def _tell(self, waiting: dict[str, Deed]) -> None:
        try:
            if self._told is not None:
                for key, deed in waiting.items():
                    self._told(deed)
                    with self.state.write() as connection:
                        connection.execute(sa.delete(deeds).where(deeds.c.id == key))
        except Problem:
            _log.exception("deeds of sign-in and access wait: the audit trail can't take them")
        finally:
            with self._lock:
                self._claimed.difference_update(waiting)
