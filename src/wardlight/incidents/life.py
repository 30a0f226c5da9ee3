"""The life of an incident: what a notice makes of it. Pure; `service.py` brings the rows and keeps the result.

    nothing known   firing → opened             resolved → opened and resolved (we were away meanwhile)
    open            news   → updated            resolved → resolved
    resolved        firing, an occurrence known → reopened (its sender was away)
                    firing, all new → opened    resolved, all known → nothing new; else opened and resolved

An occurrence is a fingerprint and a start: a notice told twice has no news, and leaves only the time of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wardlight.incidents.model import Action, Alert, Event, Incident, Notice, gravest, shared

_NAMED = 5
"""Alerts named in a note; of the others the number."""


@dataclass(frozen=True)
class Step:
    """What to keep: the incident (a new one has the `id` 0), its alerts that changed, and the events to add."""

    incident: Incident
    alerts: tuple[Alert, ...]
    events: tuple[Event, ...]


def follow(known: Incident | None, had: Mapping[str, Alert], notice: Notice, now: datetime) -> Step:
    """Say what a notice makes of the group's latest incident and its alerts (by fingerprint)."""
    if known is not None and known.state == "resolved":
        firing = [alert for alert in notice.alerts if alert.ended is None]
        if notice.firing:
            same = any(alert.continues(had.get(alert.fingerprint)) for alert in firing)
        else:
            same = all(alert.continues(had.get(alert.fingerprint)) for alert in notice.alerts)
        known = known if same else None
    if known is None:
        had = {}
    told = _told(had, notice, now)
    changed = tuple(alert for alert in told.values() if had.get(alert.fingerprint) != alert)
    incident = _incident(known, tuple({**had, **told}.values()), notice, now)
    return Step(incident, changed, _events(known, had, changed, incident, now))


def _told(had: Mapping[str, Alert], notice: Notice, now: datetime) -> dict[str, Alert]:
    """Collect what the notice says of each alert; a group that is over leaves none of those known before firing."""
    told = {alert.fingerprint: alert for alert in notice.alerts}
    if not notice.firing:
        silent = (alert for alert in had.values() if alert.ended is None and alert.fingerprint not in told)
        told |= {alert.fingerprint: replace(alert, ended=now) for alert in silent}
    return told


def _incident(known: Incident | None, alerts: Sequence[Alert], notice: Notice, now: datetime) -> Incident:
    """Sum the alerts up."""
    severity = gravest(alert.severity for alert in alerts)
    first = min((alert for alert in alerts if alert.severity == severity), key=lambda it: (it.started, it.fingerprint))
    started = min(alert.started for alert in alerts)
    return Incident(
        id=known.id if known else 0,
        group_key=notice.group_key,
        state="open" if notice.firing else "resolved",
        severity=gravest([severity, known.severity]) if known else severity,
        category=first.labels.get("category", "other"),
        title=first.title,
        labels=shared(alert.labels for alert in alerts),
        annotations=shared(alert.annotations for alert in alerts),
        started=min(started, known.started) if known else started,
        ended=None if notice.firing else max((alert.ended for alert in alerts if alert.ended), default=now),
        first_notice=known.first_notice if known else now,
        last_notice=now,
    )


def _events(
    known: Incident | None, had: Mapping[str, Alert], changed: Sequence[Alert], after: Incident, now: datetime
) -> tuple[Event, ...]:
    """Tell what happened, if anything did; changed wording alone is no news."""
    earlier = {alert.fingerprint: had.get(alert.fingerprint) for alert in changed}
    fired = [alert for alert in changed if _fires_anew(alert, earlier[alert.fingerprint])]
    resolved = [alert for alert in changed if alert.ended and not _is_over(alert, earlier[alert.fingerprint])]
    note = "; ".join(part for part in (_named("firing", fired), _named("resolved", resolved)) if part)
    actions: list[Action] = []
    if known is None:
        actions = ["opened"] if after.state == "open" else ["opened", "resolved"]
    elif known.state != after.state:
        actions = ["reopened" if after.state == "open" else "resolved"]
    elif note:
        actions = ["updated"]
    return tuple(Event(at=now, action=action, actor="alertmanager", source="webhook", note=note) for action in actions)


def _fires_anew(alert: Alert, earlier: Alert | None) -> bool:
    return alert.ended is None and (earlier is None or earlier.ended is not None or not alert.continues(earlier))


def _is_over(alert: Alert, earlier: Alert | None) -> bool:
    return earlier is not None and earlier.ended is not None and alert.continues(earlier)


def _named(what: str, alerts: Sequence[Alert]) -> str:
    if not alerts:
        return ""
    names = ", ".join(_name(alert) for alert in alerts[:_NAMED])
    more = f" and {len(alerts) - _NAMED} more" if len(alerts) > _NAMED else ""
    return f"{what}: {names}{more}"


def _name(alert: Alert) -> str:
    instance = alert.labels.get("instance")
    return f"{alert.name} ({instance})" if instance else alert.name
