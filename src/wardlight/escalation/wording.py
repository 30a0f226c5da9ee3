"""What messages say. Only what is listed here leaves: a few labels, the summary, the runbook, times and counts.

Labels: alertname, severity, category, service, instance. Whatever else a rule's author wrote, or a log line brought in,
stays; and of these texts what could lead to a person is left out (`notify.plain`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from wardlight.incidents.model import IncidentFile
from wardlight.notify import Message, plain
from wardlight.rules.model import PERSONAL

MAX_LISTED = 10
"""Incidents that one message describes; of the others the number."""

_SERVICE = ("service", "service_name", "job")
_RUNBOOK = re.compile(r"(https?://)?[\w.:/~%+-]+(#[\w-]+)?")


@dataclass(frozen=True, kw_only=True)
class Writer:
    """How one person is written to."""

    zone: ZoneInfo
    url: str
    """Wardlight's own address, as people reach it."""
    acknowledge: Callable[[int], str]
    """Makes the address that acknowledges an incident; empty if it can't now."""
    summaries: bool
    level: str = ""

    def page(self, incidents: Sequence[IncidentFile], more: int) -> Message:
        """Ask somebody to come."""
        severity = incidents[0].severity
        if len(incidents) == 1 and not more:
            return self._one(incidents[0])
        total = len(incidents) + more
        subject = f"{severity.upper()}: {total} incidents: {', '.join(_names(incidents))}"
        return self._several(incidents, more, subject, severity, acknowledge=True)

    def reminder(self, incidents: Sequence[IncidentFile], more: int) -> Message:
        """Ask whether somebody is still on it."""
        total = len(incidents) + more
        what = _name(incidents[0]) if total == 1 else f"{total} incidents"
        text = (
            f"You acknowledged {what}, and nothing has been noted for a while. Note what goes on or resolve it; otherwise "
            "it is taken back soon, and others are told."
        )
        links = [(f"Incident {one.id}", self._link(one)) for one in incidents]
        return Message(subject=f"Still on it? {what}", text=text, severity=incidents[0].severity, links=tuple(links))

    def resolved(self, incidents: Sequence[IncidentFile], more: int) -> Message:
        """Say that it is over."""
        total = len(incidents) + more
        what = _name(incidents[0]) if total == 1 else f"{total} incidents: {', '.join(_names(incidents))}"
        return self._several(incidents, more, f"Resolved: {what}", "resolved", acknowledge=False)

    def _one(self, incident: IncidentFile) -> Message:
        lines = [f"{incident.severity.upper()} · {incident.category} · incident {incident.id}", _name(incident)]
        if self.summaries and (summary := _summary(incident)):
            lines.append(summary)
        if service := _service(incident.labels):
            lines.append(f"Service: {service}")
        count = f"{incident.alerts_firing} alerts firing" if incident.alerts_firing != 1 else "1 alert firing"
        lines.append(f"Since {self._time(incident.started)}; {count}")
        if self.level:
            lines.append(f"Told: {self.level}")
        ask = self.acknowledge(incident.id)
        links = [("Acknowledge", ask)] if ask else []
        links.append((f"Incident {incident.id}", self._link(incident)))
        if runbook := _runbook(incident):
            links.append(("Runbook", runbook))
        subject = f"{incident.severity.upper()}: {_name(incident)}"
        return Message(subject=subject, text="\n".join(lines), severity=incident.severity, links=tuple(links))

    def _several(
        self, incidents: Sequence[IncidentFile], more: int, subject: str, severity: str, *, acknowledge: bool
    ) -> Message:
        lines = []
        links = [("All incidents", f"{self.url}/")] if more or len(incidents) > 1 else []
        for one in incidents:
            line = f"{one.id}  {_name(one)}, since {self._time(one.started)}"
            if severity == "resolved" and one.resolved_at:
                line += f", until {self._time(one.resolved_at)}"
            lines.append(line)
            if ask := self.acknowledge(one.id) if acknowledge else "":
                links.append((f"Acknowledge {one.id}", ask))
            else:
                links.append((f"Incident {one.id}", self._link(one)))
        if more:
            lines.append(f"and {more} more")
        return Message(subject=subject, text="\n".join(lines), severity=severity, links=tuple(links))

    def _link(self, incident: IncidentFile) -> str:
        return f"{self.url}/incidents/{incident.id}"

    def _time(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"


def _names(incidents: Sequence[IncidentFile]) -> list[str]:
    """Name the alerts, each once, few of many."""
    names = list(dict.fromkeys(_alert(one.labels) for one in incidents))
    return [*names[:3], "…"] if len(names) > 3 else names


def _name(incident: IncidentFile) -> str:
    """Name an incident: its alert, and where, if that is one place."""
    instance = plain(incident.labels.get("instance", ""), limit=100)
    return f"{_alert(incident.labels)} ({instance})" if instance else _alert(incident.labels)


def _alert(labels: Mapping[str, str]) -> str:
    return plain(labels.get("alertname", ""), limit=80) or "Alert"


def _service(labels: Mapping[str, str]) -> str:
    return next((plain(labels[name], limit=80) for name in _SERVICE if labels.get(name)), "")


def _summary(incident: IncidentFile) -> str:
    """Return the summary that all alerts share; none if a label leads to a person, for it may be in there too."""
    if PERSONAL & incident.labels.keys():
        return ""
    return plain(incident.annotations.get("summary", ""), PERSONAL)


def _runbook(incident: IncidentFile) -> str:
    """Return where to read on, if it is an address or a path and nothing else."""
    runbook = incident.annotations.get("runbook", "") or incident.annotations.get("runbook_url", "")
    digits = re.search(r"\d{6}", runbook)
    return runbook if len(runbook) <= 300 and _RUNBOOK.fullmatch(runbook) and not digits else ""
