"""Legal holds: what must not be removed, for a patient, a user or everything, with who, why and when.

A hold is found by the records' `patient_id` and `user_id`, as they are stored. It is released, never deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, insert, select, update

from wardlight.clock import Clock, moment
from wardlight.problems import BadInput, Conflict, NotFound
from wardlight.store.state import State
from wardlight.store.tables import MIGRATIONS, holds

Scope = Literal["patient", "user", "everything"]


@dataclass(frozen=True, kw_only=True)
class Hold:
    """One hold. `subject` is empty for everything."""

    id: int
    scope: Scope
    subject: str
    reason: str
    placed: datetime
    placed_by: str
    released: datetime | None = None
    released_by: str | None = None
    release_reason: str | None = None


@dataclass(frozen=True)
class Held:
    """What all holds in force preserve."""

    everything: bool = False
    patients: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is no hold."""
        return not (self.everything or self.patients or self.users)


class Holds:
    """All holds. Methods block: call them in a thread."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.migrate("store", MIGRATIONS)

    def add(self, scope: Scope, subject: str, *, reason: str, by: str) -> Hold:
        """Place a hold; from its return on, nothing that it covers is removed. Raises BadInput."""
        if bool(subject) == (scope == "everything"):
            raise BadInput("a hold names one patient or one user, or is on everything")
        if not reason.strip() or not by.strip():
            raise BadInput("a hold needs a reason, and the name of who places it")
        with self._state.write() as connection:
            hold = Hold(
                id=(connection.scalar(select(func.max(holds.c.id))) or 0) + 1, scope=scope, subject=subject,
                reason=reason, placed=moment(self._clock.now_ns()), placed_by=by,
            )  # fmt: skip
            connection.execute(insert(holds).values(vars(hold)))
        return hold

    def release(self, hold_id: int, *, reason: str, by: str) -> Hold:
        """End a hold; what is past its retention goes with the next pass. Raises NotFound, Conflict or BadInput."""
        if not reason.strip() or not by.strip():
            raise BadInput("a release needs a reason, and the name of who releases")
        now = moment(self._clock.now_ns())
        with self._state.write() as connection:
            row = connection.execute(select(holds).where(holds.c.id == hold_id)).mappings().one_or_none()
            if row is None:
                raise NotFound(f"there is no hold {hold_id}")
            if row["released"] is not None:
                raise Conflict(f"hold {hold_id} was released before")
            values = {"released": now, "released_by": by, "release_reason": reason}
            connection.execute(update(holds).where(holds.c.id == hold_id).values(values))
        return Hold(**{**row, **values})

    def listed(self, *, released: bool = False) -> list[Hold]:
        """List the holds in force, oldest first; on demand also the released ones."""
        query = select(holds).order_by(holds.c.id)
        if not released:
            query = query.where(holds.c.released.is_(None))
        with self._state.read() as connection:
            return [Hold(**row) for row in connection.execute(query).mappings()]

    def held(self) -> Held:
        """Say what is preserved now."""
        with self._state.read() as connection:
            return _held(connection)

    @contextmanager
    def still(self) -> Iterator[Held]:
        """Say what is preserved, and let nobody place a hold while inside; for the moment of removing only."""
        with self._state.write() as connection:
            yield _held(connection)


def _held(connection: Connection) -> Held:
    rows = connection.execute(select(holds.c.scope, holds.c.subject).where(holds.c.released.is_(None))).all()
    return Held(
        any(row.scope == "everything" for row in rows),
        tuple(sorted({row.subject for row in rows if row.scope == "patient"})),
        tuple(sorted({row.subject for row in rows if row.scope == "user"})),
    )
