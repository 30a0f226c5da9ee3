"""What an incident is: frozen data, and nothing that knows a database, a channel or a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the lightest to the gravest."""

State = Literal["open", "resolved"]
Action = Literal["opened", "updated", "resolved", "reopened"]

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


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to an incident, who did it and by which way."""

    at: datetime
    action: Action
    actor: str
    source: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Incident:
    """What is known of an incident: its severity never falls; all its alerts share its labels and annotations."""

    id: int
    group_key: str
    state: State
    severity: Severity
    category: str
    title: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started: datetime
    ended: datetime | None
    first_notice: datetime
    last_notice: datetime


@dataclass(frozen=True, kw_only=True)
class IncidentFile(Incident):
    """An incident with all that belongs to it."""

    alerts: tuple[Alert, ...] = field(default=())
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
