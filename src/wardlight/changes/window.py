"""A maintenance window, and how it goes on. Pure.

announced   until it begins; it can be cancelled, or begun before its time
active      its alerts are silenced; it can be ended before its time
ended
cancelled   before it began
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from wardlight.alertmanager import Matcher
from wardlight.problems import BadInput, Conflict

State = Literal["announced", "active", "ended", "cancelled"]
STATES: tuple[State, ...] = ("announced", "active", "ended", "cancelled")
Step = Literal["begin", "end", "cancel"]

MAX_TEXT = 500
MAX_MATCHERS = 20
LONGEST = timedelta(days=30)
"""Nobody should be deaf for longer."""
FURTHEST = timedelta(days=366)

_STEPS: dict[Step, tuple[State, State]] = {
    "begin": ("announced", "active"),
    "end": ("active", "ended"),
    "cancel": ("announced", "cancelled"),
}
_NEVER_SILENT = Matcher("alertname", "Watchdog", is_equal=False)
"""The dead man's switch: silencing it would raise the alarm that Wardlight is down."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A maintenance window. `silence` and `annotation` are what others call it, once they know of it."""

    id: int
    mark: str
    """By which its silence and annotation are found again."""
    state: State
    what: str
    matchers: tuple[str, ...]
    starts: datetime
    ends: datetime
    """As planned, and as it was once it is over."""
    by: str
    announced: datetime
    silence: str = ""
    annotation: int | None = None
    settled: bool = False
    """Nothing is left to be done elsewhere."""
    problem: str = ""
    """Why it isn't silenced or annotated, if it should be."""

    def silenced(self) -> tuple[Matcher, ...]:
        """Say which alerts are silenced: those of its matchers, but never the dead man's switch."""
        return (*map(Matcher.parse, self.matchers), _NEVER_SILENT)


def checked(
    what: str, matchers: Sequence[str], *, starts: datetime, ends: datetime, by: str, now: datetime
) -> tuple[str, ...]:
    """Check an announcement, and return its matchers in one way of writing. Raises BadInput naming what is wrong."""
    text("what", what)
    text("by", by)
    for name, at in (("from", starts), ("until", ends)):
        if at.tzinfo is None:
            raise BadInput(f"{name}: a time needs its zone, as 2026-03-01T02:00+01:00")
    if ends <= starts:
        raise BadInput("until: a window ends after it begins")
    if ends <= now:
        raise BadInput("until: this is over already")
    if ends - starts > LONGEST:
        raise BadInput(f"until: a window lasts at most {LONGEST.days} days; announce another one")
    if starts - now > FURTHEST:
        raise BadInput(f"from: at most {FURTHEST.days} days ahead")
    if not 1 <= len(matchers) <= MAX_MATCHERS:
        raise BadInput(f"matchers: from 1 to {MAX_MATCHERS}; they say which alerts are silenced")
    parsed = [Matcher.parse(one) for one in matchers]
    if all(one.matches("") for one in parsed):
        raise BadInput("matchers: at least one must say what a label is, not only what it isn't")
    return tuple(map(str, parsed))


def text(name: str, value: str, longest: int = MAX_TEXT) -> None:
    """Refuse what is empty, too long or not one line of text. Raises BadInput."""
    if not value.strip():
        raise BadInput(f"{name}: is missing")
    if len(value) > longest:
        raise BadInput(f"{name}: longer than {longest} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in value):
        raise BadInput(f"{name}: has control characters")


def take(window: Window, step: Step, now: datetime) -> Window:
    """Take a step by hand. Raises Conflict when it's too early or too late for it."""
    before, after = _STEPS[step]
    if window.state == after:
        return window
    if window.state != before:
        raise Conflict(f"maintenance {window.id} is {window.state}: it can't be {after}")
    if step == "begin":
        return replace(window, state=after, starts=min(window.starts, now))
    return replace(window, state=after, ends=min(window.ends, now) if step == "end" else window.ends)


def follow(window: Window, now: datetime) -> tuple[State, ...]:
    """Say through which states the time takes a window: none, one, or both of one that we missed."""
    if window.state == "announced" and now >= window.starts:
        return ("active", "ended") if now >= window.ends else ("active",)
    if window.state == "active" and now >= window.ends:
        return ("ended",)
    return ()
