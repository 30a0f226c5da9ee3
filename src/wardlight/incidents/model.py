"""What an incident is: frozen data, and nothing that knows a database, a channel or a page.

    open → acknowledged → resolved → documented
     ↑ ←――――――――――┘            │          │
     └――――――― reopened ―――――――――┴――――――――――┘        merged: it counts for another one from then on

Reopened is an event and a number; the state is `open` again, and nobody is on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the lightest to the gravest."""

Category = Literal["outage", "security", "data_access", "performance", "usage", "change", "other"]
CATEGORIES: tuple[Category, ...] = get_args(Category)

State = Literal["open", "acknowledged", "resolved", "documented", "merged"]
STATES: tuple[State, ...] = get_args(State)
PENDING: tuple[State, ...] = ("open", "acknowledged")
"""What somebody still has to do something about."""

CAUSES = (
    "hardware", "software", "configuration", "capacity", "external", "human_error", "attack", "false_alarm", "planned",
    "unknown",
)  # fmt: skip
"""Categories of causes, of which a documented response names one."""

WATCHDOG = "Watchdog"
"""Name of the alert that always fires, to prove that alerts arrive."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert of a group, as Alertmanager last told of it."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started: datetime
    ended: datetime | None
    """None while it fires."""
    generator_url: str = ""

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.labels.get("alertname", "Alert")

    @property
    def severity(self) -> Severity:
        """Its severity; a warning when it names none that is known, so that it is neither hidden nor a page."""
        named = self.labels.get("severity", "")
        return next((known for known in SEVERITIES if known == named), "warning")

    @property
    def category(self) -> Category:
        """Its category; `other` when it names none that is known."""
        named = self.labels.get("category", "")
        return next((known for known in CATEGORIES if known == named), "other")

    @property
    def title(self) -> str:
        """The rule's name and what it says about itself."""
        summary = self.annotations.get("summary", "")
        return f"{self.name}: {summary}" if summary else self.name

    def continues(self, earlier: Alert | None) -> bool:
        """Whether this is the same occurrence as an alert known earlier."""
        return earlier is not None and earlier.started == self.started


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notification about a group of alerts."""

    group_key: str
    firing: bool
    alerts: tuple[Alert, ...]
    truncated: int = 0
    """How many alerts of the group its sender left out."""
    origin: str = "alertmanager"
    """Who watches over the group: the actor of what the notice does."""
    source: str = "webhook"
    remark: str = ""
    """Said on the timeline before what happened."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to an incident, who did it and by which way."""

    at: datetime
    action: str
    actor: str
    source: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Response:
    """What closes an incident: why it happened, what was done, and what is still to do (`none` is an answer)."""

    cause: str
    done: str
    follow_up: str


@dataclass(frozen=True, kw_only=True)
class Incident:
    """What is known of an incident: its severity never falls; all its alerts share its labels and annotations.

    `started` and `ended` are the alerts' own times; `opened` (anew, after a reopening), `acknowledged_at` and
    `resolved_at` are ours. `ended` is None while any of its alerts fires, those of incidents merged into it too.
    """

    id: int
    group_key: str
    state: State
    severity: Severity
    category: Category
    title: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started: datetime
    ended: datetime | None
    first_notice: datetime
    last_notice: datetime
    opened: datetime
    origin: str = "alertmanager"
    firing: bool = False
    """Whether its own group fires."""
    reopened: int = 0
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    merged_into: int | None = None
    cause: str = ""
    done: str = ""
    follow_up: str = ""


@dataclass(frozen=True, kw_only=True)
class IncidentFile(Incident):
    """An incident with what belongs to it: of many alerts the first, those that fire before the others."""

    alerts: tuple[Alert, ...] = field(default=())
    alerts_firing: int = 0
    alerts_total: int = 0
    merged: tuple[int, ...] = field(default=())
    """Incidents that were merged into it; their alerts are counted here."""
    timeline: tuple[Event, ...] = field(default=())


def gravest(severities: Iterable[Severity]) -> Severity:
    """Pick the highest severity.

    >>> gravest(["info", "critical", "warning"])
    'critical'
    """
    return max(severities, key=SEVERITIES.index)


def shared(mappings: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Keep what all mappings agree on.

    >>> shared([{"job": "node", "instance": "a"}, {"job": "node", "instance": "b"}])
    {'job': 'node'}
    """
    first, *others = mappings
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
