"""The time a page is about: the last hours, or from one moment to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from wardlight.audit.instants import parse
from wardlight.clock import moment
from wardlight.problems import BadInput

SECOND = 1_000_000_000
NAMES = {
    "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days",
}  # fmt: skip
"""The spans that are offered: “the last …”."""
_SECONDS = {"15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)
_LONGEST = 366 * 86_400 * SECOND
_LAST = 4_102_444_800 * SECOND
"""The year 2100."""
_NANOSECONDS = 19
"""Digits of nanoseconds since 1970, from 2001 on."""


@dataclass(frozen=True)
class Span:
    """From `start` to before `end`, in nanoseconds; `since` names it when it ends now."""

    start: int
    end: int
    since: str = ""

    @property
    def asked(self) -> dict[str, str]:
        """The parameters that ask for it again."""
        return {"since": self.since} if self.since else {"start": written(self.start), "end": written(self.end)}

    @property
    def first(self) -> datetime:
        """Where it begins."""
        return moment(self.start)

    @property
    def last(self) -> datetime:
        """Where it ends."""
        return moment(self.end)

    @property
    def duration(self) -> str:
        """Its length as LogQL writes it."""
        return f"{max(1, (self.end - self.start) // SECOND)}s"

    def step(self, most: int) -> int:
        """Choose a round step, in nanoseconds, so that at most so many fit."""
        wanted = (self.end - self.start) / SECOND / most
        return next((step for step in _STEPS if step >= wanted), _STEPS[-1]) * SECOND

    def floor(self, step: int) -> int:
        """Where the step begins that `start` is in."""
        return self.start - self.start % step

    def ceiling(self, step: int) -> int:
        """Where the step ends that `end` is in."""
        return self.end + -self.end % step


def span(given: Mapping[str, str], now_ns: int, default: str = "1h") -> Span:
    """Read a span: `since` is one of `NAMES`; else `start` and `end` as dates, ISO 8601 or nanoseconds. Raises BadInput."""
    start, end = given.get("start", "").strip(), given.get("end", "").strip()
    if not (start or end):
        since = given.get("since", "")
        since = since if since in _SECONDS else default
        return Span(now_ns - _SECONDS[since] * SECOND, now_ns, since)
    last = instant(end, "To") if end else now_ns
    first = instant(start, "From") if start else last - 3600 * SECOND
    if not first < last:
        raise BadInput("the time must begin before it ends")
    if last - first > _LONGEST:
        raise BadInput("the time is longer than a year")
    return Span(first, last)


def instant(text: str, name: str) -> int:
    """Read a moment; without a zone it is UTC. Raises BadInput."""
    found = int(text) if text.isascii() and text.isdecimal() and len(text) == _NANOSECONDS else parse(text)
    if found is None or not 0 <= found < _LAST:
        raise BadInput(f"{name} is not a time such as 2026-01-31 or 2026-01-31 13:45")
    return found


def written(at: int) -> str:
    """Write a moment for a form: to the second where it is whole, else to the nanosecond.

    >>> written(1_767_225_600_000_000_000), written(1_767_225_600_000_000_001)
    ('2026-01-01 00:00:00', '1767225600000000001')
    """
    return f"{moment(at):%Y-%m-%d %H:%M:%S}" if at % SECOND == 0 else str(at)
