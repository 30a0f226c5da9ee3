"""Times as senders write them: ISO 8601, numbers since 1970, and RFC 3164's, which have neither year nor zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from time import gmtime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa

from wardlight.problems import BadConfig
from wardlight.receive.assemble import Ints

UNREADABLE = -1
"""Stands for a time that can't be read; as a time it is refused everywhere."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (1 << 63) - 1
_NUMBER = re.compile(r"[+-]?\d{1,19}(?:\.\d+)?")
_UNITS = ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000))
_LEGACY = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_YEARS_BACK = 9
_FARTHEST_ZONE = 14 * 3600


def zone_of(name: str, setting: str) -> tzinfo:
    """Return an IANA zone, or this machine's for an empty name; raises BadConfig naming the setting."""
    if not name:
        return _machine_zone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadConfig(f"{name!r} is no time zone that this machine knows (setting {setting})") from None


def _machine_zone() -> tzinfo:
    """The zone with its summer times where the machine says which, else today's distance from UTC."""
    try:
        with open("/etc/localtime", "rb") as file:  # noqa: PTH123 -- ZoneInfo reads it
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return datetime.now().astimezone().tzinfo or UTC


def read(text: str, zone: tzinfo = UTC) -> int:
    """Read a time as nanoseconds since 1970, UNREADABLE if it is none; `zone` holds where the text names none.

    >>> read("2026-01-01T01:00:00,5+01:00"), read("1767225600"), read("tomorrow")
    (1767225600500000000, 1767225600000000000, -1)
    """
    bare = text.strip()
    if _NUMBER.fullmatch(bare):
        return of_number(float(bare) if "." in bare else int(bare))
    try:
        found = datetime.fromisoformat(bare)
    except ValueError:
        return UNREADABLE
    return of_datetime(found if found.tzinfo else found.replace(tzinfo=zone))


def of(value: object) -> int:
    """Read a time that is text or a number, UNREADABLE if it is none."""
    if isinstance(value, str):
        return read(value)
    return of_number(value) if isinstance(value, int | float) else UNREADABLE


def of_datetime(when: datetime) -> int:
    """Nanoseconds since 1970 of an aware time; beyond 2262 the last that fits."""
    return _fitting((when - _EPOCH) // timedelta(microseconds=1) * 1000)


def _fitting(nanoseconds: int) -> int:
    """What doesn't fit becomes the first or last time that does."""
    return max(min(nanoseconds, _LAST), -_LAST)


def of_number(value: float) -> int:
    """Read a number since 1970 as seconds, milli-, micro- or nanoseconds, by its size.

    >>> of_number(1_767_225_600), of_number(1_767_225_600_000), of_number(1_767_225_600.25)
    (1767225600000000000, 1767225600000000000, 1767225600250000000)
    """
    if value != value or abs(value) > _LAST:  # noqa: PLR0124 -- not a number
        return UNREADABLE
    unit = next((unit for below, unit in _UNITS if abs(value) < below), 1)
    if isinstance(value, int):
        return _fitting(value * unit)
    return _fitting(round(value * 1e6) * 1000 if unit == _UNITS[0][1] else int(value * unit))


def column(texts: pa.StringArray) -> Ints:
    """Read a column of ISO times with zones: 0 for null, UNREADABLE for what is none."""
    try:
        times = texts.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        times = pa.array([None if text is None else read(text) for text in texts.to_pylist()], pa.int64())
    found: Ints = times.fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(found, np.int64)


def legacy(text: str, zone: tzinfo, now_ns: int) -> int:
    """Read `Oct  1 22:14:15`: the latest such time that isn't more than a day ahead of us.

    >>> legacy("Dec 31 23:59:59", UTC, 1_767_225_600_000_000_000)
    1767225599000000000
    """
    found = _LEGACY.fullmatch(text)
    if found is None or found[1] not in MONTHS:
        return UNREADABLE
    month, (day, hour, minute, second) = MONTHS.index(found[1]) + 1, (int(part) for part in found.groups()[1:])
    latest = now_ns + 86_400 * 1_000_000_000
    last_year = gmtime(latest // 1_000_000_000 + _FARTHEST_ZONE).tm_year
    for year in range(last_year, last_year - _YEARS_BACK, -1):
        try:
            when = of_datetime(datetime(year, month, day, hour, minute, second, tzinfo=zone))
        except ValueError:
            continue  # 29 February, or no such time in any year
        if when <= latest:
            return when
    return UNREADABLE
