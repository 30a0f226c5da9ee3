"""Times as FHIR's search has them (R4, 3.1.1.4.7): a prefix, and a date as exact as is known."""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from datetime import datetime, timedelta

from wardlight.audit.question import LATEST_NS, Span
from wardlight.problems import BadInput

_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9})\d*)?)?(?P<zone>Z|[+ -]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- counted from, in UTC
_SECOND = 10**9


def within(text: str) -> Span:
    """Return the moments that are meant. What has no zone is UTC. Raises BadInput.

    >>> within("1970-01-02"), within("lt1970-01-02")
    (Span(start=86400000000000, end=172800000000000), Span(start=0, end=86400000000000))
    """
    found = _DATE.fullmatch(text)
    if found is None:
        raise BadInput(
            "a date is written as 2026, 2026-01, 2026-01-31 or 2026-01-31T12:00:00Z, with a prefix or without"
        )
    try:
        start, length = _range(found)
    except ValueError:
        raise BadInput("a date that isn't in the calendar") from None
    end = start + length
    spans = {
        None: (start, end), "eq": (start, end), "gt": (end, LATEST_NS), "sa": (end, LATEST_NS),
        "ge": (start, LATEST_NS), "lt": (0, start), "eb": (0, start), "le": (0, end),
    }  # fmt: skip
    if found["prefix"] not in spans:
        raise BadInput("a date's prefix is one of eq, gt, ge, lt, le, sa and eb")
    return Span(*(min(max(each, 0), LATEST_NS) for each in spans[found["prefix"]]))


def _range(found: re.Match[str]) -> tuple[int, int]:
    """Return where a date begins, nanoseconds since 1970, and how long what it names lasts."""
    year, month, day, hour, minute, second = (
        int(found[name] or default)
        for name, default in (("year", 1), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))
    )
    fraction = found["fraction"] or ""
    begin = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 -- UTC, or moved by its zone below
    start = (begin - _EPOCH) // timedelta(seconds=1) * _SECOND + int(fraction.ljust(9, "0"))
    if found["month"] is None:
        length = timedelta(days=365 + isleap(year))
    elif found["day"] is None:
        length = timedelta(days=monthrange(year, month)[1])
    else:
        length = timedelta(days=1) if found["hour"] is None else timedelta(minutes=1)
    if found["second"] is None:
        return start - _offset(found["zone"]), length // timedelta(seconds=1) * _SECOND
    return start - _offset(found["zone"]), 10 ** (9 - len(fraction))


def _offset(zone: str | None) -> int:
    """Return how far a zone is ahead of UTC, in nanoseconds; a plus may have become a space on its way."""
    if zone is None or zone == "Z":
        return 0
    hours, _, minutes = zone[1:].partition(":")
    seconds = int(hours) * 3600 + int(minutes) * 60
    return (-seconds if zone[0] == "-" else seconds) * _SECOND
