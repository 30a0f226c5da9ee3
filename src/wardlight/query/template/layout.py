"""Times as Go writes and reads them: a layout is how 2006-01-02 15:04:05.999999999 -0700 MST would look."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ELEMENT = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|__2|002|_2|-07:00:00|-07:00|-070000|-0700|-07|Z07:00:00|Z07:00|Z070000|Z0700|Z07"
    r"|01|02|03|04|05|06|15|PM|pm|[.,]0+(?!\d)|[.,]9+(?!\d)|1|2|3|4|5"
)


@dataclass(frozen=True, order=True)
class Moment:
    """A point in time to the nanosecond, and the zone in which it is shown."""

    ns: int
    zone: tzinfo = UTC

    @property
    def local(self) -> datetime:
        """The same in its zone, cut to the microsecond."""
        return (_EPOCH + timedelta(microseconds=self.ns // 1000)).astimezone(self.zone)


ZERO = Moment(-62_135_596_800 * 10**9)
"""Go's zero time: 1 January of year 1."""


def zone_named(name: str) -> tzinfo:
    """Find a time zone; UTC if there is no such."""
    if name in ("", "UTC", "Local"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def format_moment(moment: Moment, layout: str) -> str:
    """Write a time by a layout.

    >>> format_moment(Moment(1_136_214_245_000_000_000), "Mon Jan _2 15:04:05 2006")
    'Mon Jan  2 15:04:05 2006'
    """
    local = moment.local
    return _ELEMENT.sub(lambda found: _write(found[0], local, moment.ns), layout)


def _write(element: str, local: datetime, ns: int) -> str:
    plain = _PLAIN.get(element)
    if plain is not None:
        return plain.format(
            t=local, month=_MONTHS[local.month - 1], day=_DAYS[local.weekday()], hour=(local.hour % 12) or 12,
            short=local.year % 100, of_year=local.timetuple().tm_yday, half="AM" if local.hour < 12 else "PM",
        )  # fmt: skip
    if element == "pm":
        return "am" if local.hour < 12 else "pm"
    if element == "MST":
        return _zone_name(local)
    if element[0] in ".,":
        digits = f"{ns % 10**9:09d}"[: len(element) - 1]
        digits = digits if element[1] == "0" else digits.rstrip("0")
        return element[0] + digits if digits else ""
    return _write_offset(element, local)


_PLAIN = {
    "January": "{month}", "Jan": "{month:.3}", "Monday": "{day}", "Mon": "{day:.3}", "2006": "{t.year:04d}",
    "06": "{short:02d}", "01": "{t.month:02d}", "1": "{t.month}", "02": "{t.day:02d}", "_2": "{t.day:2d}",
    "2": "{t.day}", "002": "{of_year:03d}", "__2": "{of_year:3d}", "15": "{t.hour:02d}", "03": "{hour:02d}",
    "3": "{hour}", "04": "{t.minute:02d}", "4": "{t.minute}", "05": "{t.second:02d}", "5": "{t.second}", "PM": "{half}",
}  # fmt: skip


def _zone_name(local: datetime) -> str:
    """Name the zone; Go writes `+0130` for one without a name."""
    name = local.tzname() or ""
    return name if name.isalpha() else _write_offset("-0700", local)


def _write_offset(element: str, local: datetime) -> str:
    seconds = int((local.utcoffset() or timedelta()).total_seconds())
    if element.startswith("Z") and seconds == 0:
        return "Z"
    sign, seconds = ("-" if seconds < 0 else "+"), abs(seconds)
    parts = (f"{seconds // 3600:02d}", f"{seconds // 60 % 60:02d}", f"{seconds % 60:02d}")
    count = len(re.findall(r"\d\d", element))
    return sign + (":" if ":" in element else "").join(parts[:count])


_READ = {
    "January": rf"(?P<month_name>{'|'.join(_MONTHS)})", "Jan": rf"(?P<month_name>{'|'.join(m[:3] for m in _MONTHS)})",
    "Monday": "|".join(_DAYS).join(("(?:", ")")), "Mon": "|".join(d[:3] for d in _DAYS).join(("(?:", ")")),
    "2006": r"(?P<year>\d{4})", "06": r"(?P<short>\d\d)", "01": r"(?P<month>\d\d)", "1": r"(?P<month>\d\d?)",
    "02": r"(?P<day>\d\d)", "_2": r" ?(?P<day>\d\d?)", "2": r"(?P<day>\d\d?)", "002": r"(?P<of_year>\d{3})",
    "__2": r" {0,2}(?P<of_year>\d{1,3})", "15": r"(?P<hour>\d\d?)", "03": r"(?P<hour>\d\d)", "3": r"(?P<hour>\d\d?)",
    "04": r"(?P<minute>\d\d)", "4": r"(?P<minute>\d\d?)", "05": r"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?",
    "5": r"(?P<second>\d\d?)(?:[.,](?P<fraction>\d+))?", "PM": "(?P<half>AM|PM)", "pm": "(?P<half>am|pm)",
    "MST": r"(?P<zone>[A-Z]{3,5}|[+-]\d{2,4})",
}  # fmt: skip


def parse_moment(text: str, layout: str, zone: tzinfo = UTC) -> Moment:
    """Read a time by a layout; without an offset it is in `zone`. Raises ValueError.

    >>> parse_moment("2026-01-02T03:04:05.5Z", "2006-01-02T15:04:05Z07:00").ns
    1767323045500000000
    """
    expression, at = "", 0
    for found in _ELEMENT.finditer(layout):
        expression += re.escape(layout[at : found.start()]) + _expression(found[0], expression)
        at = found.end()
    expression += re.escape(layout[at:])
    match = re.fullmatch(expression, text, re.ASCII)
    if match is None:
        raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse')
    return _assemble({name: value for name, value in match.groupdict().items() if value is not None}, zone)


def _expression(element: str, before: str) -> str:
    """Write a layout's element as an expression; a group can be named only once."""
    if element in _READ:
        return re.sub(
            r"\(\?P<(\w+)>", lambda group: "(?:" if f"(?P<{group[1]}>" in before else group[0], _READ[element]
        )
    if element[0] in ".,":
        # Seconds read their fraction themselves, so a fraction in the layout is already read.
        return ""
    return r"(?P<offset>Z|[+-]\d\d(?::?\d\d){0,2})" if element[0] == "Z" else r"(?P<offset>[+-]\d\d(?::?\d\d){0,2})"


def _assemble(parts: dict[str, str], zone: tzinfo) -> Moment:
    year = int(parts.get("year", 0))
    if "short" in parts:
        year = int(parts["short"]) + (1900 if int(parts["short"]) >= 69 else 2000)
    month = int(parts.get("month", 1))
    if "month_name" in parts:
        month = next(at for at, name in enumerate(_MONTHS, 1) if name.startswith(parts["month_name"]))
    hour = int(parts.get("hour", 0))
    if "half" in parts:
        hour = hour % 12 + (12 if parts["half"].upper() == "PM" else 0)
    if "offset" in parts:
        zone = _read_offset(parts["offset"])
    elif parts.get("zone") in ("UTC", "GMT"):
        zone = UTC
    # Python has no year 0, which Go takes where the layout names none.
    local = datetime(
        max(year, 1), month, 1, hour, int(parts.get("minute", 0)), int(parts.get("second", 0)), tzinfo=zone
    )
    day = int(parts.get("day", parts.get("of_year", 1)))
    local += timedelta(days=day - 1)
    fraction = int(parts.get("fraction", "0")[:9].ljust(9, "0"))
    since = local - _EPOCH
    ns = (since.days * 86_400 + since.seconds) * 10**9 + fraction
    return Moment(ns if year >= 1 else ns - 366 * 86_400 * 10**9, zone)


def _read_offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    parts = [int(part) for part in re.findall(r"\d\d", text)]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    return timezone(timedelta(seconds=-seconds if text[0] == "-" else seconds))
