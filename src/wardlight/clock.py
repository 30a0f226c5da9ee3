"""Time, injected: the real clock, and one that tests turn by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the rooms ask for the time."""

    def now_ns(self) -> int:
        """Wall time in nanoseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Wall time in nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ns: int = 1_767_225_600_000_000_000) -> None:
        self.now = now_ns
        self.elapsed = 0.0

    def now_ns(self) -> int:
        """Wall time in nanoseconds since 1970-01-01 UTC."""
        return self.now

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self.elapsed

    def advance(self, seconds: float) -> None:
        """Move both times forward."""
        self.elapsed += seconds
        self.now += int(seconds * 1_000_000_000)

    def set_wall(self, now_ns: int) -> None:
        """Set the wall time alone, as an administrator or NTP would."""
        self.now = now_ns


def moment(now_ns: int) -> datetime:
    """Turn nanoseconds since 1970 into an aware time, to the microsecond.

    >>> moment(1_767_225_600_000_001_999).isoformat()
    '2026-01-01T00:00:00.000001+00:00'
    """
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_ns // 1000)
