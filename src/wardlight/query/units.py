"""Durations, sizes and numbers as LogQL writes them: Go's, Prometheus's and humanize's notations.

A duration is a whole number of nanoseconds.
"""

from __future__ import annotations

import math
import re

_NS = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000,
    "m": 60_000_000_000, "h": 3_600_000_000_000,
}  # fmt: skip
_DAYS_NS = {"d": 24 * _NS["h"], "w": 7 * 24 * _NS["h"], "y": 365 * 24 * _NS["h"]}
_PROMETHEUS_UNITS = {**_DAYS_NS, **{unit: _NS[unit] for unit in ("h", "m", "s", "ms")}}
_PROMETHEUS = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", flags=re.ASCII
)
_PROMETHEUS_ORDER = ("y", "w", "d", "h", "m", "s", "ms")
_GO_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", flags=re.ASCII)
_MAX_NS = 2**63 - 1

SIZES = {
    "": 1, "b": 1,
    **{
        name: base**power
        for power, letter in enumerate("kmgtpe", 1)
        for base, names in ((1000, (letter, letter + "b")), (1024, (letter + "i", letter + "ib")))
        for name in names
    },
}  # fmt: skip
"""Bytes of a unit, by its lower-case name: `kb` is 1000, `kib` 1024."""

_SIZE = re.compile(r"([\d.,]*)\s*(.*)", flags=re.ASCII | re.DOTALL)
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)p[+-]?\d+|inf(?:inity)?|nan)",
    flags=re.ASCII | re.IGNORECASE,
)


def parse_prometheus_duration(text: str) -> int:
    """Read `1h30m`, `7d`, `0`: whole numbers, units from large to small. Raises ValueError.

    >>> parse_prometheus_duration("1h30m") == 5400 * 10**9
    True
    """
    if text == "0":
        return 0
    found = _PROMETHEUS.fullmatch(text)
    if not text or found is None:
        reason = "empty duration string" if not text else f'not a valid duration string: "{text}"'
        raise ValueError(reason)
    total = sum(
        int(count) * _PROMETHEUS_UNITS[unit]
        for unit, count in zip(_PROMETHEUS_ORDER, found.groups(), strict=True)
        if count
    )
    if total > _MAX_NS:
        raise ValueError("duration out of range")
    return total


def parse_go_duration(text: str) -> int:
    """Read what Go's time.ParseDuration reads: `1.5h`, `-2m3.5s`, `0`. Raises ValueError.

    >>> parse_go_duration("1.5s"), parse_go_duration("-1m")
    (1500000000, -60000000000)
    """
    sign, bare = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if bare == "0":
        return 0
    total, at = 0.0, 0
    whole = 0
    for part in _GO_PART.finditer(bare):
        if part.start() != at:
            break
        at = part.end()
        integer, _, fraction = part[1].partition(".")
        unit = _NS[part[2]]
        whole += int(integer or 0) * unit
        total += float(f"0.{fraction or 0}") * unit
    if not bare or at != len(bare):
        raise ValueError(f'time: invalid duration "{text}"')
    result = whole + int(total)
    if result > _MAX_NS:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * result


def parse_duration(text: str) -> int:
    """Read a duration in Prometheus's notation, else in Go's. Raises ValueError."""
    try:
        return parse_prometheus_duration(text)
    except ValueError:
        return parse_go_duration(text)


def format_prometheus_duration(ns: int) -> str:
    """Write a duration as Prometheus does, to the millisecond.

    >>> format_prometheus_duration(5400 * 10**9), format_prometheus_duration(0)
    ('1h30m', '0s')
    """
    left = abs(ns) // 1_000_000
    if left == 0:
        return "0s"
    parts = []
    for unit in _PROMETHEUS_ORDER:
        size = _PROMETHEUS_UNITS[unit] // 1_000_000
        # Years and weeks only when nothing remains: 14 months are not "1y2w".
        count = left // size if unit not in ("y", "w") or left % size == 0 else 0
        if count:
            parts.append(f"{count}{unit}")
            left -= count * size
    return ("-" if ns < 0 else "") + "".join(parts)


def format_go_duration(ns: int) -> str:
    """Write a duration as Go does: `1h30m0s`, `1.5s`, `250ms`.

    >>> format_go_duration(5400 * 10**9), format_go_duration(250 * 10**6), format_go_duration(0)
    ('1h30m0s', '250ms', '0s')
    """
    sign, left = ("-" if ns < 0 else ""), abs(ns)
    if left == 0:
        return "0s"
    if left < 1_000_000_000:
        unit, size = next((u, s) for u, s in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)) if left >= s)
        return f"{sign}{_decimal(left, size)}{unit}"
    minutes, rest = divmod(left, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{text}{_decimal(rest, 1_000_000_000)}s"


def _decimal(value: int, unit: int) -> str:
    """Divide by a power of ten exactly, without trailing zeros."""
    whole, part = divmod(value, unit)
    return f"{whole}.{str(part).zfill(len(str(unit)) - 1).rstrip('0')}" if part else str(whole)


def parse_bytes(text: str) -> int:
    """Read a size: `42 MB`, `1.5KiB`, `2,048`. Raises ValueError.

    >>> parse_bytes("1.5KiB"), parse_bytes("2,048")
    (1536, 2048)
    """
    found = _SIZE.fullmatch(text)
    number, unit = (found[1].replace(",", ""), found[2].strip().lower()) if found else ("", text)
    value = parse_float(number)
    if unit not in SIZES:
        raise ValueError(f"unhandled size name: {unit}")
    value *= SIZES[unit]
    if value >= 2**64:
        raise ValueError(f"too large: {text}")
    return int(value)


def format_bytes(size: int) -> str:
    """Write a size in decimal units, one digit below ten: `1.5kB`, `25MB`.

    >>> format_bytes(25_000_000), format_bytes(2500), format_bytes(7)
    ('25MB', '2.5kB', '7B')
    """
    if size < 10:
        return f"{size}B"
    power = int(math.log(size) / math.log(1000))
    value = math.floor(size / 1000**power * 10 + 0.5) / 10
    return f"{value:.{1 if value < 10 else 0}f}{('B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB')[power]}"


def parse_float(text: str) -> float:
    """Read a number as Go's strconv.ParseFloat does. Raises ValueError with Go's words."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    try:
        value = float.fromhex(text) if "x" in text.lower() else float(text)
    except OverflowError:
        value = math.inf
    if math.isinf(value) and "inf" not in text.lower():
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": value out of range')
    return value


def format_float(value: float) -> str:
    """Write a number as Loki's answers do: the shortest digits that read back equal, never an exponent.

    >>> format_float(0.1), format_float(7.0), format_float(1e21), format_float(float("-inf"))
    ('0.1', '7', '1000000000000000000000', '-Inf')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        sign, mantissa = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
        whole, _, fraction = mantissa.partition(".")
        shift = int(exponent)
        if shift < 0:
            return f"{sign}0.{'0' * (-shift - 1)}{whole}{fraction}"
        return f"{sign}{whole}{fraction.ljust(shift, '0')}"
    return text.removesuffix(".0")
