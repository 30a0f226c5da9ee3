"""Numbers, times and foreign text as people read them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

NOTHING = "–"


def number(value: float | None) -> str:
    """Write a count or rate with three digits that matter.

    >>> number(0), number(0.034), number(12.34), number(45678), number(2_500_000)
    ('0', '0.034', '12.3', '45.7 k', '2.5 M')
    """
    if value is None:
        return NOTHING
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= size:
            divisor = size if letter != " k" else 1e3
            return f"{value / divisor:.3g}{letter}"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def share(value: float | None) -> str:
    """Write a share of 1 in percent.

    >>> share(0), share(0.0042), share(0.071), share(0.934), share(None)
    ('0 %', '0.4 %', '7.1 %', '93 %', '–')
    """
    if value is None:
        return NOTHING
    percent = value * 100
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def size(value: float | None) -> str:
    """Write bytes.

    >>> size(512), size(8_589_934_592), size(1536)
    ('512 B', '8.0 GiB', '1.5 KiB')
    """
    if value is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.{0 if value >= 100 else 1}f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def seconds(value: float | None) -> str:
    """Write a duration in its two greatest units.

    >>> seconds(0.0123), seconds(2.34), seconds(59), seconds(200), seconds(7300), seconds(400000)
    ('12 ms', '2.3 s', '59 s', '3 min 20 s', '2 h 1 min', '4 d 15 h')
    """
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    whole = int(value)
    for (length, unit), (part, lesser) in _PAIRS:
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit} {rest} {lesser}" if rest else f"{whole // length} {unit}"
    return f"{whole} s"


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_PAIRS = tuple(pairwise(_UNITS))


def since(at: datetime, now: datetime) -> str:
    """Write how long ago a moment was.

    >>> since(datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 12, 3, 20))
    '3 min 20 s'
    """
    return seconds(max(0.0, float(int((now - at).total_seconds())))) if now > at else "0 s"


def clock(at: datetime, now: datetime) -> str:
    """Write a moment in UTC: the time, with its day when that isn't today.

    >>> now = datetime(2026, 1, 1, 12)
    >>> clock(datetime(2026, 1, 1, 9, 5, 7), now), clock(datetime(2025, 12, 31, 9), now)
    ('09:05:07', '2025-12-31 09:00')
    """
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


def iso(at: datetime) -> str:
    """Write a moment for machines."""
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"


def iso_exact(at: datetime) -> str:
    """Write a moment for machines, to the millisecond.

    >>> iso_exact(datetime(2026, 1, 1, 12, 0, 0, 5999))
    '2026-01-01T12:00:00.005Z'
    """
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def visible(text: str) -> str:
    r"""Make characters seen that would act instead: controls but tab and line feed, and what turns the writing.

    >>> visible("a\x1b[31m\tb\u202ec\n")
    'a␛[31m\tb�c\n'
    """
    return "".join(_seen(it) for it in text)


def _seen(character: str) -> str:
    if character in "\t\n":
        return character
    if character < " ":
        return chr(0x2400 + ord(character))
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


def points(curve: Sequence[float | None], top: float | None = None) -> str:
    """Write a curve as the points of an SVG polyline in a box of 60 by 16, 0 at the bottom; gaps are bridged.

    >>> points([0, None, 5, 10])
    '0,15.5 40,8 60,0.5'
    """
    known = [value for value in curve if value is not None]
    if len(known) < 2:
        return ""
    highest = max(*known, top or 0.0) or 1.0
    step = 60 / (len(curve) - 1)
    places = ((at * step, 15.5 - 15 * value / highest) for at, value in enumerate(curve) if value is not None)
    return " ".join(f"{round(x, 1):g},{round(y, 1):g}" for x, y in places)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "share": share,
    "size": size,
    "seconds": seconds,
    "since": since,
    "clock": clock,
    "iso": iso,
    "iso_exact": iso_exact,
    "visible": visible,
    "points": points,
}
