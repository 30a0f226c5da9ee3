"""Parameters of Loki's HTTP API: how times, steps, limits and directions are spelled, and what they are by default."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from wardlight.problems import BadInput
from wardlight.query import units

SECOND = 10**9
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX = 2**63 - 1
_MAX_POINTS = 11_000


def moment(text: str, name: str, default: int) -> int:
    """Read a time in nanoseconds: up to ten digits are seconds, more are nanoseconds; float seconds; RFC 3339.

    >>> moment("1767225600", "start", 0) == moment("2026-01-01T00:00:00Z", "start", 0)
    True
    """
    if not text:
        return default
    try:
        if "." in text and not _RFC3339.fullmatch(text):
            whole, fraction = divmod(units.parse_float(text), 1)
            value = int(whole) * SECOND + round(fraction * 1000) * 1_000_000
        elif re.fullmatch(r"[+-]?\d+", text, re.ASCII):
            value = int(text) * (SECOND if len(text) <= 10 else 1)
        else:
            value = _rfc3339(text)
    except (ValueError, OverflowError):
        raise BadInput(f"could not parse '{name}' parameter: {text[:60]!r} is not a time") from None
    if not -_MAX <= value <= _MAX:
        raise BadInput(f"could not parse '{name}' parameter: {text[:60]!r} is out of range")
    return value


def _rfc3339(text: str) -> int:
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(text)
    *parts, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    year, month, day, hour, minute, second = (int(part) for part in parts)
    since = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - offset - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + int((fraction or "0").ljust(9, "0"))


def bounds(given: Mapping[str, str], now_ns: int) -> tuple[int, int]:
    """Read `start`, `end` and `since`; by default the last hour."""
    since = 3600 * SECOND
    if given.get("since"):
        try:
            since = units.parse_prometheus_duration(given["since"])
        except ValueError as error:
            raise BadInput(f"could not parse 'since' parameter: {error}") from None
    end = moment(given.get("end", ""), "end", now_ns)
    start = moment(given.get("start", ""), "start", min(end, now_ns) - since)
    return start, end


def ordered_bounds(given: Mapping[str, str], now_ns: int) -> tuple[int, int]:
    """Read a time range whose end must not lie before its start."""
    start, end = bounds(given, now_ns)
    if end < start:
        raise BadInput("end timestamp must not be before or equal to start time")
    return start, end


def span(text: str) -> int:
    """Read seconds (`15`, `0.5`) or a duration (`1m`, `500ms`) in nanoseconds."""
    try:
        value = units.parse_float(text) * SECOND
    except ValueError:
        try:
            return units.parse_prometheus_duration(text)
        except ValueError:
            raise BadInput(f"cannot parse {text[:60]!r} to a valid duration") from None
    if not math.isfinite(value) or abs(value) > _MAX:
        raise BadInput(f"cannot parse {text[:60]!r} to a valid duration. It overflows int64")
    return int(value)


def step(given: Mapping[str, str], start: int, end: int) -> int:
    """Read `step`; by default a 250th of the range in whole seconds, at least one."""
    text = given.get("step", "")
    value = span(text) if text else max((end - start) // SECOND // 250, 1) * SECOND
    if value <= 0:
        raise BadInput("zero or negative query resolution step widths are not accepted. Try a positive integer")
    if (end - start) // value > _MAX_POINTS:
        raise BadInput(
            "exceeded maximum resolution of 11,000 points per time series."
            " Try increasing the value of the step parameter"
        )
    return value


def interval(given: Mapping[str, str]) -> int:
    """Read `interval`: lines at least so far apart."""
    value = span(given["interval"]) if given.get("interval") else 0
    if value < 0:
        raise BadInput("interval must be >= 0")
    return value


def positive(given: Mapping[str, str], name: str, default: int) -> int:
    """Read a positive number."""
    text = given.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise BadInput(f"could not parse '{name}' parameter: {text[:60]!r} is not a number")
    value = int(text)
    if value <= 0:
        raise BadInput("limit must be a positive value")
    if value >= 2**32:
        raise BadInput(f"{name} value {value} is out of range [0, {2**32 - 1}]")
    return value


def forward(given: Mapping[str, str]) -> bool:
    """Read `direction`, in any case; backward by default."""
    text = given.get("direction", "")
    if text.upper() not in ("", "FORWARD", "BACKWARD"):
        raise BadInput(f"invalid direction '{text[:60]}'")
    return text.upper() == "FORWARD"


def one_of(given: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """Read one of a few words; the first by default."""
    text = given.get(name, "") or choices[0]
    if text not in choices:
        raise BadInput(f"invalid {name} option {text[:60]!r}: it is one of {', '.join(choices)}")
    return text


def categorizes(headers: Mapping[str, str]) -> bool:
    """Say whether a client wants structured metadata and parsed labels apart from the stream's."""
    flags = headers.get("x-loki-response-encoding-flags", "")
    return "categorize-labels" in [flag.strip() for flag in flags.split(",")]
