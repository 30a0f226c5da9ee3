"""Times as people write them: durations, working hours, the moment of a handover. Pure.

Local times become instants by the zone's rules: one that a clock skips counts as the moment after the gap, one that
comes twice as the first. What oncall.toml writes as text is no dataclass, which would be read from a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from wardlight.query.units import parse_prometheus_duration

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
_HOURS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d:\d\d)-(\d\d:\d\d)")
_HANDOVER = re.compile(r"(?:([a-z]{3}) )?(\d\d:\d\d)")


class Span:
    """A duration, written as Prometheus has it."""

    def __init__(self, delta: timedelta = timedelta(0)) -> None:
        self.delta = delta

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `90s`, `1h30m`, `2d`. Raises ValueError.

        >>> Span.parse("1h30m").delta
        datetime.timedelta(seconds=5400)
        """
        return cls(timedelta(microseconds=parse_prometheus_duration(text) / 1000) if text != "0" else timedelta(0))

    def __bool__(self) -> bool:
        return bool(self.delta)


class Handover:
    """When a shift begins: a time of the day, and the weekday (Monday is 0) for weekly ones."""

    def __init__(self, at: time = time(9), weekday: int = 0) -> None:
        self.at = at
        self.weekday = weekday

    @classmethod
    def parse(cls, text: str) -> Handover:
        """Read `Mon 09:00` or `09:00`. Raises ValueError.

        >>> Handover.parse("Fri 17:30").weekday
        4
        """
        found = _HANDOVER.fullmatch(text.strip().lower())
        if not found:
            raise ValueError("a handover is a time like 09:00, or a weekday and a time like Mon 09:00")
        return cls(_time(found[2]), _day(found[1] or "mon"))


@dataclass(frozen=True)
class Period:
    """On these weekdays, from `opens` for `lasts`."""

    days: frozenset[int]
    opens: time
    closes: time
    """Not after `opens`: on the next day."""


class Hours:
    """Working hours; without periods it is always open."""

    def __init__(self, periods: tuple[Period, ...] = ()) -> None:
        self.periods = periods

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read `Mon-Fri 08:00-17:00, Sat 09:00-12:00`. Raises ValueError."""
        periods = []
        for part in text.lower().split(",") if text.strip() else ():
            found = _HOURS.fullmatch(" ".join(part.split()))
            if not found:
                raise ValueError(f"{part.strip()!r} is not like Mon-Fri 08:00-17:00")
            first, last = _day(found[1]), _day(found[2] or found[1])
            days = frozenset((first + at) % 7 for at in range((last - first) % 7 + 1))
            closes = time(0) if found[4] == "24:00" else _time(found[4])
            periods.append(Period(days, _time(found[3]), closes))
        return cls(tuple(periods))

    def open_at(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether it is open at an instant."""
        return not self.periods or any(opens <= at < closes for opens, closes in self.spans(zone, at, at))

    def next_open(self, at: datetime, zone: ZoneInfo) -> datetime:
        """Return the instant itself if it is open then, else when it opens next."""
        if self.open_at(at, zone):
            return at
        return min((opens for opens, _ in self.spans(zone, at, at + 16 * DAY) if opens > at), default=at)

    def spans(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """List when it opens and closes, for all that touches a range of time."""
        day = start.astimezone(zone).date() - 2 * DAY
        last = end.astimezone(zone).date() + DAY
        while day <= last:
            for period in self.periods:
                if day.weekday() in period.days:
                    opens = instant(day, period.opens, zone)
                    closes = instant(day + DAY if period.closes <= period.opens else day, period.closes, zone)
                    if opens < closes:
                        yield opens, closes
            day += DAY


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Say which moment, in UTC, a local day and time is."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def zone_of(name: str) -> ZoneInfo:
    """Find a zone by its IANA name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}: write an IANA name like Europe/Berlin") from None


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is no time of a day") from None


def _day(text: str) -> int:
    if text not in DAYS:
        raise ValueError(f"{text} is no weekday like Mon")
    return DAYS.index(text)
