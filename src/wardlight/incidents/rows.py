"""Incidents as rows: reading and writing them inside a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, func, insert, select, update

from wardlight.incidents.life import Step
from wardlight.incidents.model import Alert, Event, Incident
from wardlight.incidents.tables import alerts, events, incidents, watchdogs
from wardlight.problems import NotFound

MAX_ALERTS = 20_000
"""Most alerts kept of one incident; beyond it those that ended first go. The history has them still."""


def one(connection: Connection, incident_id: int) -> Incident:
    """Read an incident. Raises NotFound."""
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no incident {incident_id}")
    return Incident(**row)


def latest(connection: Connection, group_key: str) -> Incident | None:
    """Find a group's latest incident."""
    query = select(incidents).where(incidents.c.group_key == group_key).order_by(incidents.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return Incident(**row) if row else None


def members(connection: Connection, head_id: int) -> list[Incident]:
    """Read an incident and those that were merged into it."""
    query = select(incidents).where((incidents.c.id == head_id) | (incidents.c.merged_into == head_id))
    return [Incident(**row) for row in connection.execute(query.order_by(incidents.c.id)).mappings()]


def alerts_of(connection: Connection, incident_id: int) -> dict[str, Alert]:
    """Read an incident's own alerts by fingerprint, earliest first."""
    query = _of(alerts, [incident_id]).order_by(alerts.c.started, alerts.c.fingerprint)
    return {row["fingerprint"]: Alert(**_chosen(row, Alert)) for row in connection.execute(query).mappings()}


def first_alerts(connection: Connection, ids: Sequence[int], limit: int) -> tuple[tuple[Alert, ...], int, int]:
    """Read some alerts of incidents, those that fire first; say also how many fire, and how many there are."""
    query = _of(alerts, ids).order_by(alerts.c.ended.is_not(None), alerts.c.started, alerts.c.fingerprint)
    shown = tuple(Alert(**_chosen(row, Alert)) for row in connection.execute(query.limit(limit)).mappings())
    count = select(func.count(), func.count(alerts.c.ended)).where(alerts.c.incident_id.in_(ids))
    total, over = connection.execute(count).one()
    return shown, total - over, total


def timeline(connection: Connection, incident_id: int) -> tuple[Event, ...]:
    """Read what happened to an incident, oldest first."""
    rows = connection.execute(_of(events, [incident_id]).order_by(events.c.number)).mappings()
    return tuple(Event(**_chosen(row, Event)) for row in rows)


def keep(connection: Connection, step: Step) -> Incident:
    """Write what a notice changed; return the incident that its events happened to."""
    own = put(connection, step.incident)
    if step.head is not None:
        put(connection, step.head)
    if step.alerts:
        told = [{"incident_id": own.id, **asdict(alert)} for alert in step.alerts]
        if step.incident.id:
            same = (alerts.c.incident_id == own.id) & (alerts.c.fingerprint == bindparam("of"))
            connection.execute(delete(alerts).where(same), [{"of": alert.fingerprint} for alert in step.alerts])
        connection.execute(insert(alerts), told)
        _bound(connection, own.id)
    happened_to = step.head or own
    add(connection, happened_to.id, step.events)
    return happened_to


def put(connection: Connection, incident: Incident) -> Incident:
    """Write an incident, a new one (`id` 0) under the next number; return it with its number."""
    if not incident.id:
        number = connection.scalar(select(func.coalesce(func.max(incidents.c.id), 0) + 1)) or 1
        incident = replace(incident, id=number)
        connection.execute(insert(incidents).values(asdict(incident)))
        return incident
    connection.execute(update(incidents).where(incidents.c.id == incident.id).values(asdict(incident)))
    return incident


def add(connection: Connection, incident_id: int, happened: Iterable[Event]) -> None:
    """Add to the timeline."""
    number = connection.scalar(select(func.count()).where(events.c.incident_id == incident_id)) or 0
    for at, event in enumerate(happened, number + 1):
        connection.execute(insert(events).values(incident_id=incident_id, number=at, **asdict(event)))


def heard(connection: Connection, name: str, at: datetime) -> None:
    """Remember when a watchdog was heard."""
    connection.execute(delete(watchdogs).where(watchdogs.c.name == name))
    connection.execute(insert(watchdogs).values(name=name, heard=at))


def of_missed(connection: Connection, prefix: str, told: Iterable[Alert]) -> Incident | None:
    """Find the incident that was opened for one of these alerts while its group wasn't known."""
    starts = {alert.fingerprint: alert.started for alert in told}
    running = (incidents.c.group_key.startswith(prefix, autoescape=True)) & incidents.c.ended.is_(None)
    joined = select(incidents.c.id, alerts.c.fingerprint, alerts.c.started).join(
        alerts, alerts.c.incident_id == incidents.c.id
    )
    found = next(
        (
            row.id
            for row in connection.execute(joined.where(running)).all()
            if starts.get(row.fingerprint) == row.started
        ),
        None,
    )
    return None if found is None else one(connection, found)


def running(connection: Connection, origin: str) -> list[tuple[Incident, set[str]]]:
    """Read the incidents whose groups fire, each with the fingerprints of its firing alerts."""
    fires = incidents.c.firing.is_(True) & (incidents.c.origin == origin)
    found = {row["id"]: (Incident(**row), set[str]()) for row in
             connection.execute(select(incidents).where(fires)).mappings()}  # fmt: skip
    query = select(alerts.c.incident_id, alerts.c.fingerprint).join(incidents, incidents.c.id == alerts.c.incident_id)
    for number, fingerprint in connection.execute(query.where(fires, alerts.c.ended.is_(None))):
        found[number][1].add(fingerprint)
    return list(found.values())


def group_of(connection: Connection, alert: Alert) -> str | None:
    """Find the group that an occurrence of an alert belonged to last."""
    same = (alerts.c.fingerprint == alert.fingerprint) & (alerts.c.started == alert.started)
    query = select(incidents.c.group_key).join(alerts, alerts.c.incident_id == incidents.c.id).where(same)
    return connection.scalar(query.order_by(incidents.c.id.desc()).limit(1))


def _bound(connection: Connection, incident_id: int) -> None:
    """Drop the alerts that ended first, beyond `MAX_ALERTS`."""
    own = alerts.c.incident_id == incident_id
    excess = (connection.scalar(select(func.count()).select_from(alerts).where(own)) or 0) - MAX_ALERTS
    if excess > 0:
        first = select(alerts.c.fingerprint).where(own, alerts.c.ended.is_not(None)).order_by(alerts.c.ended)
        connection.execute(delete(alerts).where(own, alerts.c.fingerprint.in_(first.limit(excess))))


def _of(table: Any, ids: Sequence[int]) -> Select[Any]:
    return select(table).where(table.c.incident_id.in_(ids))


def _chosen(row: RowMapping, shape: type[Alert | Event]) -> Mapping[str, Any]:
    """Pick a dataclass's fields from a row."""
    return {field.name: row[field.name] for field in fields(shape)}
