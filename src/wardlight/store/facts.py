"""What the store remembers between runs: when retention last trusted the clock, the last backup, the last drill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from wardlight.store.state import State
from wardlight.store.tables import MIGRATIONS, facts

CLOCK, BACKUP, DRILL = "clock", "backup", "drill"


@dataclass(frozen=True)
class Fact:
    """Something that happened, and what is known of it."""

    at: datetime
    value: Any


class Facts:
    """The latest fact of each name."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.migrate("store", MIGRATIONS)

    def get(self, name: str) -> Fact | None:
        """Return the latest fact; None if there is none."""
        with self._state.read() as connection:
            row = connection.execute(select(facts.c.at, facts.c.value).where(facts.c.name == name)).one_or_none()
        return Fact(row.at, row.value) if row else None

    def put(self, name: str, at: datetime, value: Any = None) -> None:
        """Replace a fact."""
        with self._state.write() as connection:
            connection.execute(delete(facts).where(facts.c.name == name))
            connection.execute(insert(facts).values(name=name, at=at, value=value))
