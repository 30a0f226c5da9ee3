"""The service: takes notices, keeps incidents in the state database, answers who asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, func, insert, select, update

from wardlight.clock import Clock, moment
from wardlight.incidents.life import Step, follow
from wardlight.incidents.model import WATCHDOG, Alert, Event, Incident, IncidentFile, Notice
from wardlight.incidents.tables import MIGRATIONS, alerts, events, incidents, watchdogs
from wardlight.problems import NotFound
from wardlight.store.state import State

Which = Literal["open", "resolved", "all"]


class Incidents:
    """All incidents. Methods block: call them in a thread."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.migrate("incidents", MIGRATIONS)

    def receive(self, notice: Notice) -> None:
        """Take a notice: open, update, resolve or reopen its group's incident; on return it is on disk.

        A notice told twice changes nothing but the time of the last one. The watchdog is remembered and opens nothing.
        """
        now = self._now()
        ordinary = _without_watchdog(notice)
        watched = [alert for alert in notice.alerts if alert.name == WATCHDOG and alert.ended is None]
        with self._state.write() as connection:
            if watched:
                connection.execute(delete(watchdogs).where(watchdogs.c.name == WATCHDOG))
                connection.execute(insert(watchdogs).values(name=WATCHDOG, heard=now))
            if ordinary.alerts:
                known = _latest(connection, notice.group_key)
                had = _alerts_of(connection, known.id) if known else {}
                _keep(connection, follow(known, had, ordinary, now))

    def listed(self, which: Which = "open", limit: int = 100) -> list[Incident]:
        """List incidents, newest first."""
        query = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
        if which != "all":
            query = query.where(incidents.c.state == which)
        with self._state.read() as connection:
            return [Incident(**row) for row in connection.execute(query).mappings()]

    def get(self, incident_id: int) -> IncidentFile:
        """Show one incident with its alerts and timeline. Raises NotFound."""
        with self._state.read() as connection:
            row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).mappings().one_or_none()
            if row is None:
                raise NotFound(f"there is no incident {incident_id}")
            timeline = connection.execute(_of(events, incident_id).order_by(events.c.number)).mappings()
            return IncidentFile(
                **row,
                alerts=tuple(_alerts_of(connection, incident_id).values()),
                timeline=tuple(Event(**_chosen(event, Event)) for event in timeline),
            )

    def watchdog_heard(self) -> datetime | None:
        """Say when Alertmanager's watchdog was last heard; None if never."""
        with self._state.read() as connection:
            return connection.scalar(select(watchdogs.c.heard).where(watchdogs.c.name == WATCHDOG))

    def _now(self) -> datetime:
        return moment(self._clock.now_ns())


def _without_watchdog(notice: Notice) -> Notice:
    """Leave the watchdog out; what remains fires only if one of the others does."""
    rest = tuple(alert for alert in notice.alerts if alert.name != WATCHDOG)
    if len(rest) == len(notice.alerts):
        return notice
    firing = notice.firing and (notice.truncated > 0 or any(alert.ended is None for alert in rest))
    return replace(notice, alerts=rest, firing=firing)


def _latest(connection: Connection, group_key: str) -> Incident | None:
    """Find a group's latest incident."""
    query = select(incidents).where(incidents.c.group_key == group_key).order_by(incidents.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return Incident(**row) if row else None


def _alerts_of(connection: Connection, incident_id: int) -> dict[str, Alert]:
    """Read an incident's alerts by fingerprint, earliest first."""
    rows = connection.execute(_of(alerts, incident_id).order_by(alerts.c.started, alerts.c.fingerprint))
    return {row["fingerprint"]: Alert(**_chosen(row, Alert)) for row in rows.mappings()}


def _keep(connection: Connection, step: Step) -> None:
    """Write what a step changed."""
    values = asdict(step.incident)
    incident_id = values.pop("id")
    if incident_id:
        connection.execute(update(incidents).where(incidents.c.id == incident_id).values(values))
    else:
        incident_id = connection.scalar(select(func.coalesce(func.max(incidents.c.id), 0) + 1))
        connection.execute(insert(incidents).values(id=incident_id, **values))
    if step.alerts:
        told = [{"incident_id": incident_id, **asdict(alert)} for alert in step.alerts]
        same = (alerts.c.incident_id == incident_id) & (alerts.c.fingerprint == bindparam("of"))
        connection.execute(delete(alerts).where(same), [{"of": alert.fingerprint} for alert in step.alerts])
        connection.execute(insert(alerts), told)
    if step.events:
        number = connection.scalar(select(func.count()).where(events.c.incident_id == incident_id)) or 0
        for at, event in enumerate(step.events, number + 1):
            connection.execute(insert(events).values(incident_id=incident_id, number=at, **asdict(event)))


def _of(table: Any, incident_id: int) -> Select[Any]:
    return select(table).where(table.c.incident_id == incident_id)


def _chosen(row: RowMapping, shape: type[Alert | Event]) -> Mapping[str, Any]:
    """Pick a dataclass's fields from a row."""
    return {field.name: row[field.name] for field in fields(shape)}
