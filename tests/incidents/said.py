"""What tests of incidents say: alerts, and notices about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wardlight.incidents import Alert, IncidentFile, Incidents, Notice

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def alert(fingerprint: str = "a", *, started: datetime = NOON, ended: datetime | None = None, **labels: str) -> Alert:
    told = {"alertname": "DatabaseDown", "severity": "critical", "category": "outage"} | labels
    summary = {"summary": "PostgreSQL does not answer"}
    return Alert(fingerprint=fingerprint, labels=told, annotations=summary, started=started, ended=ended)


def firing(*alerts: Alert, group: str = "db") -> Notice:
    return Notice(group_key=group, firing=True, alerts=alerts or (alert(),))


def resolved(*alerts: Alert, group: str = "db") -> Notice:
    over = alerts or (alert(ended=NOON + timedelta(minutes=3)),)
    return Notice(group_key=group, firing=False, alerts=over)


def only(incidents: Incidents) -> IncidentFile:
    (incident,) = incidents.listed("all")
    return incidents.get(incident.id)


def actions(incident: IncidentFile) -> list[str]:
    return [event.action for event in incident.timeline]
