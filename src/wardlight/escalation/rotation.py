"""Who is on call, when, and until when. Pure: a rotation, its overrides, its calendar's events, an instant.

Shifts change at local times of the rotation's zone, so that a handover stays at nine when the clocks change; all
instants are in UTC. Overrides come first, the latest made before others; then the calendar or the turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from wardlight.escalation.policy import Rotation
from wardlight.escalation.when import DAY, instant

HORIZON = timedelta(days=35)
"""How far one looks for the next change."""


@dataclass(frozen=True)
class Shift:
    """These people are on call from an instant until another; nobody if there are none."""

    people: tuple[str, ...]
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Duty:
    """What calendars and overrides say: this person, in this time."""

    person: str
    since: datetime
    until: datetime

    def covers(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.since <= at < self.until


def shifts(
    rotation: Rotation, start: datetime, end: datetime, overrides: Sequence[Duty] = (), calendar: Sequence[Duty] = ()
) -> Iterator[Shift]:
    """List the shifts of a range of time, in order and without gaps; nobody's time is a shift without people."""
    if start >= end:
        return
    edges = {start, end}
    edges.update(_handovers(rotation, start, end) if rotation.people else ())
    for opens, closes in rotation.hours.spans(rotation.zone, start, end):
        edges.update((opens, closes))
    for duty in (*overrides, *calendar):
        edges.update((duty.since, duty.until))
    ordered = sorted(edge for edge in edges if start <= edge <= end)
    current: Shift | None = None
    for since, until in pairwise(ordered):
        people = people_at(rotation, since, overrides, calendar)
        if current is not None and current.people == people:
            current = Shift(people, current.since, until)
            continue
        if current is not None:
            yield current
        current = Shift(people, since, until)
    if current is not None:
        yield current


def people_at(
    rotation: Rotation, at: datetime, overrides: Sequence[Duty] = (), calendar: Sequence[Duty] = ()
) -> tuple[str, ...]:
    """Say who is on call at an instant. Of overrides the last one given counts."""
    for override in reversed(overrides):
        if override.covers(at):
            return (override.person,)
    if not rotation.hours.open_at(at, rotation.zone):
        return ()
    if rotation.calendar:
        return tuple(dict.fromkeys(duty.person for duty in calendar if duty.covers(at)))
    return (rotation.people[_turn(rotation, at) % len(rotation.people)],) if rotation.people else ()


def now_and_next(
    rotation: Rotation, at: datetime, overrides: Sequence[Duty] = (), calendar: Sequence[Duty] = ()
) -> tuple[Shift, Shift | None]:
    """Return the shift that goes on at an instant, and the next one; `until` is at most `HORIZON` away."""
    found = shifts(rotation, at, at + HORIZON, overrides, calendar)
    return next(found), next(found, None)


def _turn(rotation: Rotation, at: datetime) -> int:
    """Number the shift that an instant lies in; 0 is the one that begins on the rotation's first day."""
    day = _handover_day(rotation, at)
    first = rotation.start - timedelta(days=_into_week(rotation, rotation.start))
    return (day - first).days // _length(rotation)


def _handover_day(rotation: Rotation, at: datetime) -> date:
    """Return the local day of the last handover before or at an instant."""
    day = at.astimezone(rotation.zone).date() + DAY
    day -= timedelta(days=_into_week(rotation, day))
    while instant(day, rotation.handover.at, rotation.zone) > at:
        day -= timedelta(days=_length(rotation))
    return day


def _handovers(rotation: Rotation, start: datetime, end: datetime) -> Iterator[datetime]:
    day = _handover_day(rotation, start)
    while (at := instant(day, rotation.handover.at, rotation.zone)) <= end:
        yield at
        day += timedelta(days=_length(rotation))


def _length(rotation: Rotation) -> int:
    return 7 if rotation.shift == "weekly" else 1


def _into_week(rotation: Rotation, day: date) -> int:
    """Count the days since the handover's weekday; none for daily shifts."""
    return (day.weekday() - rotation.handover.weekday) % 7 if rotation.shift == "weekly" else 0
