"""Who is told, how and after how long: the typed tree of DATA/oncall.toml. `policy_file` reads it.

    contact     one person, for everything
    people      name, zone, working hours, channels, and which of them for which severity
    rotations   people in turn, or a calendar
    levels      who comes first, second, …: people and rotations
    policies    steps from level to level, and how patiently
    routes      which policy for which severity and category

Where there are no policies, the built-in ones go through all levels in the file's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from wardlight.config import Section
from wardlight.escalation.when import Handover, Hours, Span
from wardlight.incidents.model import Category, Severity

UTC = ZoneInfo("UTC")
CONTACT = "contact"
"""The person, and the level, that `[contact]` makes."""


class Contact(Section, frozen=True):
    """The one who is told of everything, where nothing else is set up."""

    channels: tuple[str, ...]
    """Apprise URLs; the next is used when one fails."""
    name: str = "on-call contact"
    zone: ZoneInfo = UTC
    hours: Hours = Hours()


class Person(Section, frozen=True):
    """Somebody who can be told."""

    channels: dict[str, str]
    """Name of the channel to its Apprise URL."""
    name: str = ""
    zone: ZoneInfo = UTC
    """Times are told in it; an IANA name."""
    email: str = ""
    """How calendars name this person, besides by name."""
    hours: Hours = Hours()
    """Working hours, for policies that keep to them."""
    critical: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    """Channels for each severity, in the order in which they are tried; empty: all, as they are listed."""

    def ways(self, severity: Severity, only: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Name the channels to try for a severity; a level may ask for its own."""
        asked = tuple(name for name in only if name in self.channels)
        chosen = {"critical": self.critical, "warning": self.warning, "info": self.info}[severity]
        return asked or chosen or tuple(self.channels)


class Rotation(Section, frozen=True):
    """People who take turns."""

    people: tuple[str, ...] = ()
    zone: ZoneInfo = UTC
    shift: Literal["daily", "weekly"] = "weekly"
    handover: Handover = Handover()
    start: date = date(2026, 1, 5)
    """The first person's first day; later ones follow in turn, earlier ones too."""
    hours: Hours = Hours()
    """Outside of them nobody is on call."""
    calendar: str = ""
    """iCal file (relative to the data directory) or URL that says who is on call, instead of turns."""


class Level(Section, frozen=True):
    """Who is told together."""

    who: tuple[str, ...]
    """People and rotations."""
    name: str = ""
    channels: tuple[str, ...] = ()
    """Names of channels to be used here, in this order; empty: each person's own choice."""


class Step(Section, frozen=True):
    """One step of a policy."""

    level: str
    after: Span = Span()
    """Time without an acknowledgement since the step before."""


class Policy(Section, frozen=True):
    """What happens until somebody acknowledges."""

    steps: tuple[Step, ...]
    then: str = ""
    """A policy whose steps follow."""
    repeat: Span = Span()
    """After the last step it is taken again that often; empty: it isn't."""
    batch: Span = Span()
    """Messages wait and go together, at most one per person in this time; empty: each at once."""
    working_hours: bool = False
    """Messages wait for each person's working hours."""
    stale: Span = Span()
    """An acknowledged incident in which nothing was noted for so long is reminded, then taken back; empty: never."""
    resolved: bool = True
    """Tell those who were told when it is over."""


class Route(Section, frozen=True):
    """Which incidents go by which policy; the first route that fits counts."""

    policy: str
    """Empty: nobody is told."""
    severity: tuple[Severity, ...] = ()
    category: tuple[Category, ...] = ()

    def fits(self, severity: Severity, category: str) -> bool:
        """Whether an incident goes this way; what isn't named fits."""
        return (not self.severity or severity in self.severity) and (not self.category or category in self.category)


class OnCall(Section, frozen=True):
    """The whole tree, checked: every name in it leads somewhere."""

    people: dict[str, Person]
    rotations: dict[str, Rotation]
    levels: dict[str, Level]
    policies: dict[str, Policy]
    routes: tuple[Route, ...]
    summaries: bool = True
    """Whether messages have the alerts' summaries, with what could lead to a person left out."""

    def route(self, severity: Severity, category: str) -> str:
        """Name the policy for an incident; empty if nobody is to be told."""
        return next((route.policy for route in self.routes if route.fits(severity, category)), "")

    def steps(self, policy: str) -> tuple[Step, ...]:
        """List a policy's steps, with those of the policies that it continues with."""
        return tuple(step for name in chain(self.policies, policy) for step in self.policies[name].steps)

    def level_name(self, level: str) -> str:
        """Say a level's name."""
        return self.levels[level].name or level if level in self.levels else level

    def person_name(self, person: str) -> str:
        """Say a person's name."""
        return self.people[person].name or person if person in self.people else person


def built_in(levels: Mapping[str, Level]) -> dict[str, Policy]:
    """Make the policies that are used where the file has none of that name."""
    every = tuple(Step(level=level, after=Span.parse("5m" if at else "0s")) for at, level in enumerate(levels))
    return {
        "critical": Policy(steps=every, repeat=Span.parse("15m"), stale=Span.parse("2h")),
        "warning": Policy(steps=every[:1], batch=Span.parse("30m"), stale=Span.parse("1d")),
    }


BUILT_IN_ROUTES = (
    Route(severity=("critical",), policy="critical"),
    Route(severity=("warning",), policy="warning"),
    Route(policy=""),
)
"""What follows the file's own routes."""


def chain(policies: Mapping[str, Policy], start: str) -> Iterator[str]:
    """Follow `then` from a policy, until it ends or comes to one for the second time."""
    seen: set[str] = set()
    while start in policies:
        yield start
        if start in seen:
            return
        seen.add(start)
        start = policies[start].then
