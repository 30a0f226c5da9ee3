"""The service: takes notices and people's actions, keeps incidents in the state database, answers who asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, Select, func, select, update

from wardlight.clock import Clock, moment
from wardlight.incidents import hand, rows
from wardlight.incidents.life import follow
from wardlight.incidents.metrics import Counts, Gauges
from wardlight.incidents.model import (
    PENDING,
    WATCHDOG,
    Alert,
    Event,
    Incident,
    IncidentFile,
    Notice,
    Response,
    Severity,
    gravest,
)
from wardlight.incidents.tables import MIGRATIONS, incidents, watchdogs
from wardlight.problems import BadInput, Conflict
from wardlight.store.state import State

Which = Literal["pending", "open", "acknowledged", "resolved", "documented", "merged", "all"]
Told = Callable[[int, str, str, str], None]
"""Hears of every event once it is on disk: incident, action, actor, source."""

SHOWN = 50
"""Alerts shown of an incident, if not asked for more."""
COMPARED = "comparison"
"""The source of what a comparison with Alertmanager found out."""
MISSED = "missed:"
"""Begins the group key of an incident whose webhook never came: the real one isn't known yet."""


class Incidents:
    """All incidents. Methods block: call them in a thread. `actor` is who, `source` by which way.

    They raise NotFound, Conflict with the state that is in the way, BadInput for what says nothing, and Unavailable.
    """

    def __init__(
        self,
        state: State,
        clock: Clock,
        registry: CollectorRegistry | None = None,
        told: Told = lambda _incident, _action, _actor, _source: None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._told = told
        state.migrate("incidents", MIGRATIONS)
        self._gauges = Gauges(registry or CollectorRegistry(), self._counts)

    def receive(self, notice: Notice) -> None:
        """Take a notice: open, update, resolve or reopen its group's incident; on return it is on disk.

        A notice told twice changes nothing but the time of the last one. The watchdog is remembered and opens nothing.
        """
        now = self._now()
        ordinary = _without_watchdog(notice)
        with self._state.write() as connection:
            if any(alert.name == WATCHDOG and alert.ended is None for alert in notice.alerts):
                rows.heard(connection, WATCHDOG, now)
            if not ordinary.alerts:
                return
            known = _known(connection, ordinary)
            had = rows.alerts_of(connection, known.id) if known else {}
            head = rows.one(connection, known.merged_into) if known and known.merged_into else None
            family = rows.members(connection, (head or known).id) if head or known else []  # type: ignore[union-attr]
            others = [it for it in family if known and it.id != known.id]
            step = follow(known, had, ordinary, now, head=head, others=others)
            after = rows.keep(connection, step)
        self._happened(after, step.events)

    def acknowledge(self, incident_id: int, actor: str, source: str, note: str = "") -> Incident:
        """Take an incident on. The same person once more changes nothing; another is told who was first."""
        event = self._event("acknowledged", actor, source, note)
        return self._act(incident_id, event, lambda it, now: hand.acknowledged(it, event.actor, now))

    def release(self, incident_id: int, actor: str, source: str, reason: str) -> Incident:
        """Take an acknowledgement back: the incident is open again."""
        return self._act(incident_id, self._event("released", actor, source, reason), lambda it, _: hand.released(it))

    def note(self, incident_id: int, actor: str, source: str, text: str) -> Incident:
        """Write a note on the timeline."""
        return self.record(incident_id, "noted", actor, source, hand.text(text, "the note"))

    def resolve(self, incident_id: int, actor: str, source: str, note: str = "") -> Incident:
        """Call an incident over by hand; one that is over already stays as it is."""
        return self._act(incident_id, self._event("resolved", actor, source, note), hand.resolved)

    def document(self, incident_id: int, actor: str, source: str, response: Response) -> Incident:
        """Close a resolved incident with its response."""
        note = f"{response.cause}: {response.done.strip()}; follow-up: {response.follow_up.strip()}"
        event = self._event("documented", actor, source, note)
        return self._act(incident_id, event, lambda it, _: hand.documented(it, response))

    def merge(self, incident_id: int, into: int, actor: str, source: str) -> Incident:
        """Let an incident's alerts count for another one, from now on; return the other one."""
        event = self._event("merged", actor, source, "")
        with self._state.write() as connection:
            known, head = rows.one(connection, incident_id), rows.one(connection, into)
            if head.merged_into is not None:
                raise Conflict(
                    f"incident {into} is merged into incident {head.merged_into} itself: merge into that one"
                )
            rows.put(connection, merged := hand.merged(known, head))
            moved = incidents.c.merged_into == incident_id
            connection.execute(update(incidents).where(moved).values(merged_into=into))
            head = _joined(head, known)
            rows.put(connection, head)
            event = replace(event, note=f"into incident {into}: {head.title}")
            taken = replace(event, action="took in", note=f"incident {incident_id}: {known.title}")
            rows.add(connection, incident_id, [event])
            rows.add(connection, into, [taken])
        self._happened(merged, [event])
        self._happened(head, [taken])
        return head

    def record(self, incident_id: int, action: str, actor: str, source: str, note: str) -> Incident:
        """Put an event on the timeline that changes nothing else: `notified`, `escalated`, `silenced`."""
        return self._act(incident_id, self._event(action, actor, source, note), lambda it, _: it, always=True)

    def pending(self) -> list[Incident]:
        """List all that is open or acknowledged, oldest first."""
        query = select(incidents).where(incidents.c.state.in_(PENDING)).order_by(incidents.c.id)
        with self._state.read() as connection:
            return [Incident(**row) for row in connection.execute(query).mappings()]

    def listed(
        self,
        which: Which = "pending",
        limit: int = 100,
        page: int = 1,
        *,
        severity: Severity | None = None,
        since: datetime | None = None,
    ) -> list[Incident]:
        """List incidents, newest first; `since` is the earliest first notice."""
        query = _chosen(select(incidents), which, severity, since)
        query = query.order_by(incidents.c.id.desc()).limit(limit).offset((page - 1) * limit)
        with self._state.read() as connection:
            return [Incident(**row) for row in connection.execute(query).mappings()]

    def count(
        self, which: Which = "pending", *, severity: Severity | None = None, since: datetime | None = None
    ) -> int:
        """Count what `listed` lists on all pages."""
        with self._state.read() as connection:
            return connection.scalar(_chosen(select(func.count(incidents.c.id)), which, severity, since)) or 0

    def get(self, incident_id: int, alerts: int = SHOWN) -> IncidentFile:
        """Show one incident with its timeline and the first of its alerts."""
        with self._state.read() as connection:
            incident = rows.one(connection, incident_id)
            ids = [it.id for it in rows.members(connection, incident_id)]
            shown, firing, total = rows.first_alerts(connection, ids, alerts)
            return IncidentFile(
                **vars(incident),
                alerts=shown,
                alerts_firing=firing,
                alerts_total=total,
                merged=tuple(one for one in ids if one != incident_id),
                timeline=rows.timeline(connection, incident_id),
            )

    def running(self, origin: str = "alertmanager") -> list[tuple[Incident, set[str]]]:
        """List the incidents whose groups fire, each with the fingerprints of its firing alerts."""
        with self._state.read() as connection:
            return rows.running(connection, origin)

    def gone(self, incident_id: int, remark: str) -> None:
        """End a group that its origin no longer has; the remark goes on the timeline."""
        now = self._now()
        with self._state.read() as connection:
            incident = rows.one(connection, incident_id)
            firing = [it for it in rows.alerts_of(connection, incident_id).values() if it.ended is None]
        ended = tuple(replace(alert, ended=now) for alert in firing)
        self.receive(Notice(group_key=incident.group_key, firing=False, alerts=ended, source=COMPARED, remark=remark))

    def missed(self, alerts: Sequence[Alert], remark: str) -> None:
        """Take alerts of one group whose webhook never came; the webhook may still come."""
        with self._state.read() as connection:
            running = [it for it, _ in rows.running(connection, "alertmanager")]
            group = rows.group_of(connection, alerts[0]) or _likely(running, alerts[0])
        self.receive(Notice(group_key=group, firing=True, alerts=tuple(alerts), source=COMPARED, remark=remark))

    def watchdog_heard(self) -> datetime | None:
        """Say when Alertmanager's watchdog was last heard; None if never."""
        with self._state.read() as connection:
            return connection.scalar(select(watchdogs.c.heard).where(watchdogs.c.name == WATCHDOG))

    def _act(
        self, incident_id: int, event: Event, turn: Callable[[Incident, datetime], Incident], *, always: bool = False
    ) -> Incident:
        """Turn an incident by hand, with an event unless it stayed as it was."""
        with self._state.write() as connection:
            known = rows.one(connection, incident_id)
            after = turn(known, event.at)
            if after == known and not always:
                return known
            rows.put(connection, after)
            rows.add(connection, incident_id, [event])
        self._happened(after, [event])
        return after

    def _event(self, action: str, actor: str, source: str, note: str) -> Event:
        if len(note) > 3 * hand.MAX_TEXT:
            raise BadInput(f"the note is longer than {hand.MAX_TEXT} characters")
        return Event(at=self._now(), action=action, actor=hand.name(actor), source=source, note=note.strip())

    def _happened(self, incident: Incident, events: Iterable[Event]) -> None:
        for event in events:
            self._gauges.happened(event.action, incident)
            self._told(incident.id, event.action, event.actor, event.source)

    def _counts(self) -> Counts:
        query = select(incidents.c.state, incidents.c.severity, func.count()).group_by(
            incidents.c.state, incidents.c.severity
        )
        with self._state.read() as connection:
            return {(state, severity): count for state, severity, count in connection.execute(query)}

    def _now(self) -> datetime:
        return moment(self._clock.now_ns())


def _without_watchdog(notice: Notice) -> Notice:
    """Leave the watchdog out; what remains fires only if one of the others does."""
    rest = tuple(alert for alert in notice.alerts if alert.name != WATCHDOG)
    if len(rest) == len(notice.alerts):
        return notice
    firing = notice.firing and (notice.truncated > 0 or any(alert.ended is None for alert in rest))
    return replace(notice, alerts=rest, firing=firing)


def _known(connection: Connection, notice: Notice) -> Incident | None:
    """Find the incident of a notice's group: one opened for its alerts without a webhook gets the group's key now."""
    latest = rows.latest(connection, notice.group_key)
    if notice.group_key.startswith(MISSED) or (latest is not None and latest.ended is None):
        return latest
    missed = rows.of_missed(connection, MISSED, notice.alerts)
    return replace(missed, group_key=notice.group_key) if missed else latest


def _likely(running: Sequence[Incident], alert: Alert) -> str:
    """Name the group of an alert: that of a running incident of the same rule and job, as we group them, else a new one."""
    name, job = alert.name, alert.labels.get("job", "")
    same = (it for it in running if it.labels.get("alertname") == name and it.labels.get("job", "") == job)
    return next((it.group_key for it in same), f"{MISSED}{name}/{job}")


def _joined(head: Incident, member: Incident) -> Incident:
    """Sum up an incident and one that was merged into it."""
    ends = [head.ended, member.ended]
    severity = gravest([head.severity, member.severity])
    ended = None if None in ends else max(end for end in ends if end)
    return replace(head, severity=severity, started=min(head.started, member.started), ended=ended)


def _chosen(query: Select[Any], which: Which, severity: Severity | None, since: datetime | None) -> Select[Any]:
    if which == "pending":
        query = query.where(incidents.c.state.in_(PENDING))
    elif which != "all":
        query = query.where(incidents.c.state == which)
    if severity:
        query = query.where(incidents.c.severity == severity)
    return query if since is None else query.where(incidents.c.first_notice >= since)
