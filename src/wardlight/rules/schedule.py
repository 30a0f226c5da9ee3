"""When a group is evaluated: at moments its interval apart, shifted by its name, so that groups take turns.

A group's moments depend on nothing but its file, name and interval: a restart doesn't move them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wardlight.rules.model import Group

CATCH_UP = 10
"""Most evaluations that are made good after a pause; a group that takes longer than its interval makes none good."""


@dataclass(frozen=True)
class Turn:
    """The moment to evaluate next."""

    at_ns: int
    skipped: int = 0
    """Moments before it that nobody evaluates."""
    back_ns: int = 0
    """How far the clock was set back."""


def latest(group: Group, now_ns: int) -> int:
    """Find a group's latest moment that isn't later than now."""
    shift = int.from_bytes(hashlib.sha256(group.key.encode()).digest()[:8]) % group.interval_ns
    return now_ns - (now_ns - shift) % group.interval_ns


def following(group: Group, now_ns: int) -> float:
    """Say how many seconds it is to a group's next moment."""
    return (latest(group, now_ns) + group.interval_ns - now_ns) / 1e9


def turn(group: Group, evaluated_ns: int | None, now_ns: int, seconds: float = 0.0) -> Turn | None:
    """Say what to evaluate after `evaluated_ns`, which took `seconds`; None while nothing is due.

    What was never evaluated starts with its latest moment.
    """
    last = latest(group, now_ns)
    if evaluated_ns is None:
        return Turn(last)
    if evaluated_ns > now_ns + group.interval_ns:
        return Turn(last, back_ns=evaluated_ns - last)
    due = (last - latest(group, evaluated_ns)) // group.interval_ns
    if due <= 0:
        return None
    made_good = min(due, CATCH_UP if seconds * 1e9 < group.interval_ns else 1)
    return Turn(last - (made_good - 1) * group.interval_ns, skipped=due - made_good)
