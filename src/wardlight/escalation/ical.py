"""On-call calendars: RFC 5545 out, and in with its recurrences.

Of a calendar that is read, every VEVENT is one person's duty; the person is named by ATTENDEE (address or CN) or by
SUMMARY (key or name). Recurrences: RRULE, RDATE, EXDATE, and single occurrences that were moved (RECURRENCE-ID). They
are counted in the local time of the event, so that a shift stays at nine when the clocks change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import takewhile
from typing import Any

from dateutil.rrule import rrulestr
from icalendar import Calendar, Event, vCalAddress

from wardlight.escalation.policy import Person
from wardlight.escalation.rotation import Duty, Shift
from wardlight.problems import BadConfig

MAX_BYTES = 4 * 1024 * 1024
_DAY = timedelta(days=1)


def write(name: str, shifts: Iterable[Shift], people: Mapping[str, Person], now: datetime) -> bytes:
    """Write shifts as a calendar; nobody's time is no event."""
    calendar = Calendar()
    calendar.add("prodid", "-//Wardlight//on call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"On call: {name}")
    for shift in shifts:
        for key in shift.people:
            person = people.get(key)
            event = Event()
            event.add("uid", f"{name}-{key}-{shift.since:%Y%m%dT%H%M%SZ}@wardlight")
            event.add("dtstamp", now)
            event.add("dtstart", shift.since.astimezone(UTC))
            event.add("dtend", shift.until.astimezone(UTC))
            event.add("summary", person.name or key if person else key)
            if person and person.email:
                attendee = vCalAddress(f"mailto:{person.email}")
                attendee.params["CN"] = person.name or key
                event.add("attendee", attendee)
            calendar.add_component(event)
    return bytes(calendar.to_ical())


def read(
    content: bytes, people: Mapping[str, Person], zone: tzinfo, start: datetime, end: datetime
) -> tuple[list[Duty], list[str]]:
    """Read who has duty in a range of time; and name the events that are nobody's.

    `zone` is that of times without one. Raises BadConfig when it is no calendar.
    """
    if len(content) > MAX_BYTES:
        raise BadConfig(f"the calendar is larger than {MAX_BYTES} bytes")
    try:
        events: list[Any] = [
            one for one in Calendar.from_ical(content).walk("VEVENT") if one.get("STATUS") != "CANCELLED"
        ]
        moved = {(str(one.get("UID")), _instant(one["RECURRENCE-ID"].dt, zone)) for one in events if _is_moved(one)}
        duties, nobody = [], set()
        for event in events:
            person = _person(event, people)
            for since, until in _occurrences(event, moved, zone, start, end):
                if person is None:
                    nobody.add(str(event.get("SUMMARY", "without a name"))[:60])
                else:
                    duties.append(Duty(person, since, until))
    except BadConfig:
        raise
    except Exception as error:  # noqa: BLE001 -- a stranger's file, and a parser with many ways to give up
        raise BadConfig(f"not a calendar that can be read: {error or type(error).__name__}") from None
    return sorted(duties, key=lambda duty: (duty.since, duty.person)), sorted(nobody)


def _is_moved(event: Any) -> bool:
    return event.get("RECURRENCE-ID") is not None


def _occurrences(
    event: Any, moved: set[tuple[str, datetime]], zone: tzinfo, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """List when an event takes place within a range of time, in UTC."""
    length = event.end - event.start
    there = event.start.tzinfo if isinstance(event.start, datetime) and event.start.tzinfo else zone
    uid = str(event.get("UID"))
    for local in _starts(event, there, start - length, end):
        since, until = _instant(local, there), _instant(local + length, there)
        if until > start and since < end and (_is_moved(event) or (uid, since) not in moved):
            yield since, until


def _starts(event: Any, there: tzinfo, start: datetime, end: datetime) -> list[datetime]:
    """List an event's starts in a range of time (roughly), as local times of its own zone."""
    first = _wall(event.start, there)
    earliest, latest = (at.astimezone(there).replace(tzinfo=None) for at in (start - _DAY, end + _DAY))
    starts = {first, *(_wall(each[0] if isinstance(each, tuple) else each, there) for each in event.rdates)}
    rules = event.get("RRULE") or []
    for rule in rules if isinstance(rules, list) else [rules]:
        if rule.get("FREQ", [""])[0].upper() not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
            raise BadConfig("an event of the calendar takes place more often than daily")
        if until := rule.get("UNTIL"):
            rule["UNTIL"] = [_last(each, there) for each in until]
        found = rrulestr(rule.to_ical().decode(), dtstart=first)
        starts.update(takewhile(lambda each: each <= latest, found.xafter(max(first, earliest), inc=True)))
    return sorted(starts - {_wall(each, there) for each in event.exdates})


def _last(until: date, there: tzinfo) -> datetime:
    """Write UNTIL as a local time; a day counts to its end."""
    if not isinstance(until, datetime):
        return datetime.combine(until, time.max.replace(microsecond=0))
    return _wall(until, there)


def _wall(at: date, there: tzinfo) -> datetime:
    """Read the clock on the wall there; a day begins at midnight."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time(0))
    return at.astimezone(there).replace(tzinfo=None) if at.tzinfo else at


def _instant(at: date, there: tzinfo) -> datetime:
    """Say which moment, in UTC, the wall clock there shows."""
    return _wall(at, there).replace(tzinfo=there).astimezone(UTC)


def _person(event: Any, people: Mapping[str, Person]) -> str | None:
    """Find whose an event is."""
    attendees = event.get("ATTENDEE") or []
    named = [str(event.get("SUMMARY", ""))]
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        named[:0] = [str(attendee).lower().removeprefix("mailto:"), str(attendee.params.get("CN", ""))]
    known: dict[str, str] = {}
    for key, person in people.items():
        for name in (key, person.name, person.email):
            known.setdefault(name.casefold(), key)
    known.pop("", None)
    return next((known[name.strip().casefold()] for name in named if name.strip().casefold() in known), None)
