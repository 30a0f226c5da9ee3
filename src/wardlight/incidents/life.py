"""The life of an incident: what a notice makes of it. Pure; `service.py` brings the rows and keeps the result.

    nothing known   firing → opened             resolved → opened and resolved (we were away meanwhile)
    pending         news   → updated            resolved, and nothing else of it fires → resolved
    closed, over    firing, an occurrence known → reopened (its sender was away)
                    firing, all new → opened    resolved, all known → nothing new; else opened and resolved
    closed by hand, and it fires still          news, or told again `RESTED` later → reopened

Pending is open or acknowledged, closed is resolved or documented. An occurrence is a fingerprint and a start: a notice
told twice has no news, and leaves only the time of the last one. A merged incident keeps its alerts; what they do
happens to the incident that it was merged into, its *head*.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wardlight.incidents.model import PENDING, Alert, Event, Incident, Notice, gravest, shared

RESTED = timedelta(minutes=15)
"""How long after it was resolved by hand an incident may go on firing before a notice reopens it."""
_NAMED = 5
"""Alerts named in a note; of the others the number."""


@dataclass(frozen=True)
class Step:
    """What to keep: the group's incident (a new one has the `id` 0), its alerts that changed, its head, the events."""

    incident: Incident
    alerts: tuple[Alert, ...]
    head: Incident | None
    """The incident that the events happen to, if another than the group's own."""
    events: tuple[Event, ...]


def follow(
    known: Incident | None,
    had: Mapping[str, Alert],
    notice: Notice,
    now: datetime,
    *,
    head: Incident | None = None,
    others: Sequence[Incident] = (),
) -> Step:
    """Say what a notice makes of the group's latest incident and its alerts (by fingerprint).

    `head` is the incident that this one was merged into; `others` are all those that are one incident with it.
    """
    if known is not None and not _concerns(head or known, had, notice):
        known, head, others, had = None, None, (), {}
    told = _told(had, notice, now)
    changed = tuple(alert for alert in told.values() if had.get(alert.fingerprint) != alert)
    fired, over = _news(had, changed)
    said = (notice.remark, _named("firing", fired), _named("resolved", over))
    note = "; ".join(part for part in said if part)
    group = _group(known, {**had, **told}.values(), notice, now)
    running = notice.firing or any(it.firing for it in others)
    before = head or known
    if before is None:
        actions = ("opened",) if running else ("opened", "resolved")
        return Step(group, changed, None, _events(actions, notice, now, note))
    ends = [it.ended for it in (group, *others) if it.ended]
    after = replace(
        group if head is None else head,
        severity=gravest([group.severity, before.severity]),
        started=min(group.started, before.started),
        ended=None if running else max(ends, default=now),
        last_notice=now,
    )
    after, action = _turned(before, after, now, fired=bool(fired), news=bool(fired or over))
    events = _events((action,) if action else (), notice, now, note)
    return Step(after, changed, None, events) if head is None else Step(group, changed, after, events)


def _concerns(head: Incident, had: Mapping[str, Alert], notice: Notice) -> bool:
    """Whether a notice is about what is known already, and not about a new incident."""
    if head.state in PENDING or head.ended is None:
        return True
    if notice.firing:
        return any(it.continues(had.get(it.fingerprint)) for it in notice.alerts if it.ended is None)
    return all(it.continues(had.get(it.fingerprint)) for it in notice.alerts)


def _told(had: Mapping[str, Alert], notice: Notice, now: datetime) -> dict[str, Alert]:
    """Collect what the notice says of each alert; a group that is over leaves none of those known before firing."""
    told = {alert.fingerprint: alert for alert in notice.alerts}
    if not notice.firing:
        silent = (alert for alert in had.values() if alert.ended is None and alert.fingerprint not in told)
        told |= {alert.fingerprint: replace(alert, ended=now) for alert in silent}
    return told


def _group(known: Incident | None, alerts: Collection[Alert], notice: Notice, now: datetime) -> Incident:
    """Sum the group's alerts up; what people made of its incident stays as it is."""
    severity = gravest(alert.severity for alert in alerts)
    first = min((alert for alert in alerts if alert.severity == severity), key=lambda it: (it.started, it.fingerprint))
    ended = None if notice.firing else max((alert.ended for alert in alerts if alert.ended), default=now)
    fresh = known or Incident(
        id=0,
        group_key=notice.group_key,
        state="open" if notice.firing else "resolved",
        severity=severity,
        category=first.category,
        title=first.title,
        labels={},
        annotations={},
        started=first.started,
        ended=ended,
        first_notice=now,
        last_notice=now,
        opened=now,
        origin=notice.origin,
        resolved_at=None if notice.firing else now,
    )
    return replace(
        fresh,
        severity=gravest([severity, fresh.severity]),
        category=first.category,
        title=first.title,
        labels=shared(alert.labels for alert in alerts),
        annotations=shared(alert.annotations for alert in alerts),
        started=min(fresh.started, *(alert.started for alert in alerts)),
        ended=ended,
        firing=notice.firing,
        last_notice=now,
    )


def _turned(
    before: Incident, after: Incident, now: datetime, *, fired: bool, news: bool
) -> tuple[Incident, str | None]:
    """Give an incident its new state, and name what happened, if anything did; changed wording alone is no news."""
    if before.state in PENDING:
        if after.ended is None:
            return after, "updated" if news else None
        return replace(after, state="resolved", resolved_at=now), "resolved"
    rested = before.resolved_at is None or now - before.resolved_at >= RESTED
    if after.ended is None and (fired or before.ended is not None or rested):
        return reopened(after, now), "reopened"
    return after, "updated" if news else None


def reopened(incident: Incident, now: datetime) -> Incident:
    """Open an incident again: nobody is on it, and its response is to be documented anew."""
    return replace(
        incident,
        state="open",
        opened=now,
        reopened=incident.reopened + 1,
        acknowledged_by="",
        acknowledged_at=None,
        resolved_at=None,
        cause="",
        done="",
        follow_up="",
    )


def _news(had: Mapping[str, Alert], changed: Sequence[Alert]) -> tuple[list[Alert], list[Alert]]:
    """Pick the alerts that began to fire, and those that ended."""
    fired: list[Alert] = []
    over: list[Alert] = []
    for alert in changed:
        earlier = had.get(alert.fingerprint)
        known = alert.continues(earlier) and earlier is not None and (earlier.ended is None) == (alert.ended is None)
        if not known:
            (fired if alert.ended is None else over).append(alert)
    return fired, over


def _events(actions: Sequence[str], notice: Notice, now: datetime, note: str) -> tuple[Event, ...]:
    return tuple(
        Event(at=now, action=action, actor=notice.origin, source=notice.source, note=note) for action in actions
    )


def _named(what: str, alerts: Sequence[Alert]) -> str:
    if not alerts:
        return ""
    names = ", ".join(_name(alert) for alert in alerts[:_NAMED])
    more = f" and {len(alerts) - _NAMED} more" if len(alerts) > _NAMED else ""
    return f"{what}: {names}{more}"


def _name(alert: Alert) -> str:
    instance = alert.labels.get("instance")
    return f"{alert.name} ({instance})" if instance else alert.name
