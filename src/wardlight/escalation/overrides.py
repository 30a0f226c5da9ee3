"""Overrides: somebody else is on call in a rotation, for a time. Kept in the state database. Methods block."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select

from wardlight.escalation.rotation import Duty
from wardlight.escalation.tables import MIGRATIONS, overrides
from wardlight.problems import BadInput
from wardlight.store.state import State


class Overrides:
    """All overrides."""

    def __init__(self, state: State) -> None:
        state.migrate("escalation", MIGRATIONS)
        self._state = state

    def add(self, rotation: str, duty: Duty, actor: str, now: datetime) -> None:
        """Let somebody stand in. Raises BadInput when the time is over or none."""
        if duty.until <= duty.since or duty.until <= now:
            raise BadInput("an override must end after it begins, and after now")
        with self._state.write() as connection:
            number = connection.scalar(select(func.coalesce(func.max(overrides.c.id), 0))) or 0
            values = {"person": duty.person, "since": duty.since, "until": duty.until, "actor": actor, "at": now}
            connection.execute(insert(overrides).values(id=number + 1, rotation=rotation, **values))

    def of(self, rotation: str, start: datetime, end: datetime) -> list[Duty]:
        """List those that touch a range of time, in the order in which they were made."""
        query = select(overrides).where(
            overrides.c.rotation == rotation, overrides.c.until > start, overrides.c.since < end
        )
        with self._state.read() as connection:
            return [
                Duty(row.person, row.since, row.until) for row in connection.execute(query.order_by(overrides.c.id))
            ]
