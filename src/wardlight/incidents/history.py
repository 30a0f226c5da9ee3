"""The history of alerts: each stretch of an alert in one state, silenced and inhibited ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from wardlight.incidents.alertmanager import Seen, Standing
from wardlight.incidents.model import Severity
from wardlight.incidents.tables import history
from wardlight.store.state import State

KEPT = timedelta(days=400)
_RUNNING = history.c.ended.is_(None)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """An alert in one state, as Alertmanager showed it from `since` to `ended` (None: still)."""

    fingerprint: str
    since: datetime
    ended: datetime | None
    started: datetime
    """When the alert itself began."""
    state: Standing
    by: Sequence[str]
    """What silenced or inhibited it."""
    severity: Severity
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str


class History:
    """Alerts as Alertmanager had them. `Incidents` makes its table. Methods block."""

    def __init__(self, state: State) -> None:
        self._state = state

    def take(self, seen: Sequence[Seen], now: datetime) -> dict[str, datetime]:
        """Keep what changed since the last time; say of each alert since when it is shown as it is now."""
        with self._state.read() as connection:
            columns = (history.c[name] for name in ("fingerprint", "since", "started", "state", "by"))
            running = {row.fingerprint: row for row in connection.execute(select(*columns).where(_RUNNING))}
        shown = {it.alert.fingerprint: it for it in seen}
        over = [{"of": one, "now": now} for one, was in running.items() if not _same(was, shown.get(one))]
        gone = {one["of"] for one in over}
        fresh = [_row(it, now) for one, it in shown.items() if one not in running or one in gone]
        if over or fresh:
            with self._state.write() as connection:
                if over:
                    ends = update(history).where(_RUNNING, history.c.fingerprint == bindparam("of"))
                    connection.execute(ends.values(ended=bindparam("now")), over)
                if fresh:
                    connection.execute(insert(history), fresh)
        return {one: now if one in gone or one not in running else running[one].since for one in shown}

    def forget(self, now: datetime) -> None:
        """Drop what is older than `KEPT`."""
        with self._state.write() as connection:
            connection.execute(delete(history).where(history.c.ended < now - KEPT))

    def listed(self, *, state: Standing | None = None, since: datetime | None = None, limit: int = 100, page: int = 1
    ) -> list[Stretch]:  # fmt: skip
        """List stretches, the latest first; `since` is the earliest that ended, or still goes on."""
        query = select(history).order_by(history.c.since.desc(), history.c.fingerprint)
        if state:
            query = query.where(history.c.state == state)
        if since is not None:
            query = query.where(history.c.ended.is_(None) | (history.c.ended >= since))
        with self._state.read() as connection:
            found = connection.execute(query.limit(limit).offset((page - 1) * limit)).mappings()
            return [Stretch(**row) for row in found]


def _same(was: Row[Any], seen: Seen | None) -> bool:
    return seen is not None and (was.started, was.state, tuple(was.by)) == (seen.alert.started, seen.state, seen.by)


def _row(seen: Seen, now: datetime) -> dict[str, object]:
    alert = seen.alert
    return {
        "fingerprint": alert.fingerprint, "since": now, "ended": None, "started": alert.started, "state": seen.state,
        "by": list(seen.by), "severity": alert.severity, "labels": alert.labels, "annotations": alert.annotations,
        "generator_url": alert.generator_url,
    }  # fmt: skip
