"""Escalation's rows in the state database. Methods block.

What may be lost when the process dies, and what isn't:

- A move (the course's next state, the messages that are meant, what is to be noted) is one transaction: it happened or
  it didn't. It is guarded by the course's version, so that of two servers one does it.
- A message is claimed before it is sent, until `LEASE` later; what became of it is written afterwards, by its claim. Who
  dies in between leaves it claimed: it is sent again when the lease is over. That is the one way to a second message.
- A note is claimed likewise, and removed after it was written: dying in between writes it twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, or_, select, update

from wardlight.escalation.course import Course, Delivery, Move, Note
from wardlight.escalation.tables import MIGRATIONS, courses, deliveries, notes
from wardlight.store.state import State

LEASE = timedelta(seconds=45)
"""How long a claim holds; longer than any message takes."""
MAX_LOT = 500
"""Most deliveries that one message stands for."""

_COURSE = [field.name for field in fields(Course)]
_DELIVERY = [field.name for field in fields(Delivery)]


@dataclass(frozen=True, kw_only=True)
class Lot:
    """Deliveries to one person by one channel that are due at once: one message."""

    claim: str
    deliveries: tuple[Delivery, ...]

    @property
    def first(self) -> Delivery:
        """One that speaks for all: person, channel, purpose and severity are the same."""
        return self.deliveries[0]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a delivery, what follows from it, and what is to be noted."""

    delivery: Delivery
    follow_up: Delivery | None = None
    """The same message by the person's next channel."""
    level_failed: bool = False
    """Nobody of the level could be told, unless another delivery of it is under way."""
    notes: tuple[Note, ...] = ()


class Book:
    """All rows."""

    def __init__(self, state: State) -> None:
        state.migrate("escalation", MIGRATIONS)
        self._state = state

    def live(self) -> dict[int, Course]:
        """Return the courses that aren't over, by incident; the latest if there are two."""
        query = select(courses).where(courses.c.state != "over").order_by(courses.c.incident_id, courses.c.run)
        with self._state.read() as connection:
            return {row["incident_id"]: _course(row) for row in connection.execute(query).mappings()}

    def apply(self, moves: Sequence[Move]) -> list[Move]:
        """Write moves whose courses are still as they were; return those."""
        if not moves:
            return []
        with self._state.write() as connection:
            return [move for move in moves if self._moved(connection, move)]

    def told(self, course: Course) -> list[tuple[str, str]]:
        """Say who was told of an incident since it was opened, and by which channel at last."""
        query = select(deliveries.c.person, deliveries.c.channel).order_by(deliveries.c.at)
        query = query.where(_run(course.incident_id, course.run), deliveries.c.state == "sent")
        with self._state.read() as connection:
            return list({row.person: (row.person, row.channel) for row in connection.execute(query)}.values())

    def channels_tried(self, delivery: Delivery) -> set[str]:
        """Name the channels by which a person was or is being told in this turn."""
        same = (
            _run(delivery.incident_id, delivery.run)
            & (deliveries.c.turn == delivery.turn)
            & (deliveries.c.purpose == delivery.purpose)
            & (deliveries.c.person == delivery.person)
        )
        with self._state.read() as connection:
            return set(connection.scalars(select(deliveries.c.channel).where(same)))

    def first_to(self, delivery: Delivery) -> bool:
        """Whether nobody has been told of the incident yet, since it was opened."""
        query = select(func.count()).where(_run(delivery.incident_id, delivery.run), deliveries.c.state == "sent")
        with self._state.read() as connection:
            return not connection.scalar(query)

    def claim(self, now: datetime, lots: int) -> list[Lot]:
        """Claim what is due: at most so many messages, the gravest first."""
        due = and_(deliveries.c.state == "due", deliveries.c.due <= now, _free(deliveries, now))
        with self._state.read() as connection:
            if connection.execute(select(deliveries.c.id).where(due).limit(1)).first() is None:
                return []
        with self._state.write() as connection:
            rows = connection.execute(select(deliveries).where(due).order_by(deliveries.c.due, deliveries.c.id))
            groups: dict[tuple[str, ...], list[Delivery]] = {}
            for row in rows.mappings():
                found = _delivery(row)
                key = (found.severity, found.purpose, found.person, found.channel)
                groups.setdefault(key, []).append(found)
            chosen = sorted(groups.values(), key=lambda group: (group[0].severity != "critical", group[0].due))[:lots]
            return [lot for group in chosen if (lot := _claim(connection, group[:MAX_LOT], due, now))]

    def states(self, incident_ids: Iterable[int]) -> dict[int, Course]:
        """Return the latest course of each incident, over or not."""
        query = select(courses).where(courses.c.incident_id.in_(list(incident_ids))).order_by(courses.c.run)
        with self._state.read() as connection:
            return {row["incident_id"]: _course(row) for row in connection.execute(query).mappings()}

    def settle(self, claim: str, results: Sequence[Result], now: datetime) -> None:
        """Write what became of a lot, as far as it is still ours."""
        with self._state.write() as connection:
            for result in results:
                done = result.delivery
                mine = (deliveries.c.id == done.id) & (deliveries.c.claim == claim) & (deliveries.c.state == "due")
                became = update(deliveries).where(mine).values(asdict(done) | {"claim": None, "claimed_until": None})
                if not connection.execute(became).rowcount:
                    continue
                if result.follow_up is not None:
                    _mean(connection, result.follow_up)
                _note(connection, done.incident_id, result.notes)
                if result.level_failed:
                    _go_on(connection, done, now)

    def claim_notes(self, now: datetime) -> list[tuple[int, int, Note]]:
        """Claim what is to be noted: number, incident, note; in order."""
        with self._state.read() as connection:
            if connection.execute(select(notes.c.id).where(_free(notes, now)).limit(1)).first() is None:
                return []
        claim = secrets.token_hex(8)
        with self._state.write() as connection:
            ids = list(connection.scalars(select(notes.c.id).where(_free(notes, now)).order_by(notes.c.id).limit(200)))
            mine = notes.c.id.in_(ids) & _free(notes, now)
            connection.execute(update(notes).where(mine).values(claim=claim, claimed_until=now + LEASE))
            rows = connection.execute(select(notes).where(notes.c.claim == claim).order_by(notes.c.id))
            return [(row.id, row.incident_id, Note(row.action, row.note)) for row in rows]

    def noted(self, ids: Sequence[int]) -> None:
        """Forget notes that were written."""
        if ids:
            with self._state.write() as connection:
                connection.execute(delete(notes).where(notes.c.id.in_(ids)))

    def unnoted(self, ids: Sequence[int]) -> None:
        """Give notes back that couldn't be written."""
        with self._state.write() as connection:
            connection.execute(update(notes).where(notes.c.id.in_(ids)).values(claim=None, claimed_until=None))

    def listed(self, incident_id: int | None, limit: int) -> list[Delivery]:
        """List deliveries, the latest change first."""
        query = select(deliveries).order_by(deliveries.c.at.desc(), deliveries.c.id).limit(limit)
        if incident_id is not None:
            query = query.where(deliveries.c.incident_id == incident_id)
        with self._state.read() as connection:
            return [_delivery(row) for row in connection.execute(query).mappings()]

    def _moved(self, connection: Connection, move: Move) -> bool:
        course = move.course
        same = (courses.c.incident_id == course.incident_id) & (courses.c.run == course.run)
        values = asdict(replace(course, version=course.version + 1))
        if course.version:
            current = same & (courses.c.version == course.version)
            if not connection.execute(update(courses).where(current).values(values)).rowcount:
                return False
        else:
            if connection.execute(select(courses.c.run).where(same)).first() is not None:
                return False
            connection.execute(insert(courses).values(values))
        for delivery in move.deliveries:
            _mean(connection, delivery)
        _note(connection, course.incident_id, move.notes)
        return True


def _claim(connection: Connection, group: Sequence[Delivery], due: ColumnElement[bool], now: datetime) -> Lot | None:
    """Take deliveries, all that nobody else has taken meanwhile."""
    claim = secrets.token_hex(8)
    wanted = deliveries.c.id.in_([each.id for each in group]) & due
    values = {"claim": claim, "claimed_until": now + LEASE, "attempt": deliveries.c.attempt + 1}
    connection.execute(update(deliveries).where(wanted).values(values))
    rows = connection.execute(select(deliveries).where(deliveries.c.claim == claim).order_by(deliveries.c.id))
    mine = tuple(_delivery(row) for row in rows.mappings())
    return Lot(claim=claim, deliveries=mine) if mine else None


def _mean(connection: Connection, delivery: Delivery) -> None:
    """Write the intent to send a message, if it isn't there."""
    if connection.execute(select(deliveries.c.id).where(deliveries.c.id == delivery.id)).first() is None:
        connection.execute(insert(deliveries).values(id=delivery.id, **asdict(delivery)))


def _note(connection: Connection, incident_id: int, said: Sequence[Note]) -> None:
    number = connection.scalar(select(func.coalesce(func.max(notes.c.id), 0))) or 0 if said else 0
    for at, note in enumerate(said, number + 1):
        connection.execute(insert(notes).values(id=at, incident_id=incident_id, action=note.action, note=note.note))


def _go_on(connection: Connection, failed: Delivery, now: datetime) -> None:
    """Let the next level be asked at once, if nobody of this turn was told or is about to be."""
    alive = _run(failed.incident_id, failed.run) & (deliveries.c.turn == failed.turn)
    alive &= (deliveries.c.purpose == "page") & deliveries.c.state.in_(["due", "sent"])
    if connection.execute(select(deliveries.c.id).where(alive).limit(1)).first() is not None:
        return
    here = (courses.c.incident_id == failed.incident_id) & (courses.c.run == failed.run)
    here &= (courses.c.state == "running") & (courses.c.turn == failed.turn) & (courses.c.due > now)
    connection.execute(update(courses).where(here).values(due=now, version=courses.c.version + 1))


def _free(table: Table, now: datetime) -> ColumnElement[bool]:
    return or_(table.c.claimed_until.is_(None), table.c.claimed_until < now)


def _run(incident_id: int, run: int) -> ColumnElement[bool]:
    return and_(deliveries.c.incident_id == incident_id, deliveries.c.run == run)


def _course(row: Mapping[Any, Any]) -> Course:
    return Course(**{name: row[name] for name in _COURSE})


def _delivery(row: Mapping[Any, Any]) -> Delivery:
    return Delivery(**{name: row[name] for name in _DELIVERY})
