"""The service: takes pings, keeps heartbeats in the state database, says how they stand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from wardlight.clock import Clock, moment
from wardlight.heartbeats.files import MAX_HEARTBEATS
from wardlight.heartbeats.life import Absence, Action, Beat, Ping, Stand, State, held, moved, pinged, stand, written
from wardlight.heartbeats.plan import Definition, Plan, Severity, planned
from wardlight.heartbeats.tables import MIGRATIONS, heartbeats, pings, watches
from wardlight.problems import Busy, Conflict, NotFound
from wardlight.store import state as database

KEPT = 100
"""Newest pings of a heartbeat that are kept."""

Origin = Literal["file", "hand"]


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A heartbeat as it is shown."""

    slug: str
    name: str
    state: State
    running: bool
    reason: str
    """Why it is down."""
    schedule: str
    grace: str
    severity: Severity
    description: str
    origin: Origin
    """`file`: its definition is in heartbeats.toml; `hand`: it was added by the API or the command line."""
    heard: datetime | None
    due: datetime | None
    deadline: datetime | None
    exit_code: int | None
    seconds: float | None
    """How long its last run took."""
    pings: int


@dataclass(frozen=True, kw_only=True)
class PingShown:
    """A ping as it is shown."""

    number: int
    at: datetime
    action: Action
    exit_code: int | None
    rid: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class HeartbeatFile(Heartbeat):
    """A heartbeat with its newest pings, the last first."""

    history: tuple[PingShown, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A heartbeat as it is kept, and how it stands."""

    plan: Plan
    origin: Origin
    beat: Beat
    stand: Stand
    fell: datetime | None
    """When its last alert began."""
    rose: datetime | None
    """When that ended; None while it goes on."""


class Heartbeats:
    """All heartbeats. Methods block: call them in a thread."""

    def __init__(self, state: database.State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._one = threading.Lock()  # pings at the full hour wait here, not in the database's busy loop
        state.migrate("heartbeats", MIGRATIONS)

    def ping(self, slug: str, action: Action, *, exit_code: int | None = None, rid: str = "") -> None:
        """Take a ping; on return it is on disk. Raises NotFound."""
        with self._state.read() as connection:
            _row(connection, slug)
        with self._one, self._state.write() as connection:
            row = _row(connection, slug)
            now = self.now()
            ping = Ping(action=action, at=now, exit_code=exit_code, rid=rid)
            beat, seconds = pinged(held(_beat(row), now), ping, _plan(row).grace)
            _keep(connection, slug, beat)
            values = {**asdict(ping), "seconds": seconds}
            connection.execute(insert(pings).values(slug=slug, number=beat.pings, **values))
            old = (pings.c.slug == slug) & (pings.c.number <= beat.pings - KEPT)
            connection.execute(delete(pings).where(old))

    def listed(self) -> list[Heartbeat]:
        """List all by their slugs."""
        return [Heartbeat(**_shown(each)) for each in self.kept()]

    def get(self, slug: str) -> HeartbeatFile:
        """Show one with its newest pings. Raises NotFound."""
        with self._state.read() as connection:
            found = _kept(_row(connection, slug), self.now(), _absence(connection))
            query = select(pings).where(pings.c.slug == slug).order_by(pings.c.number.desc())
            history = [
                PingShown(**{field.name: row[field.name] for field in fields(PingShown)})
                for row in connection.execute(query).mappings()
            ]
        return HeartbeatFile(**_shown(found), history=tuple(history))

    def add(self, slug: str, definition: Definition) -> None:
        """Define one by hand. Raises BadInput, Conflict when the slug is taken, Busy when there are too many."""
        planned(slug, definition)
        with self._state.write() as connection:
            if _find(connection, slug) is not None:
                raise Conflict(f"there is a heartbeat {slug}; remove it first")
            if (connection.scalar(select(func.count()).select_from(heartbeats)) or 0) >= MAX_HEARTBEATS:
                raise Busy(f"there are {MAX_HEARTBEATS} heartbeats; remove one first")
            self._insert(connection, slug, definition, "hand")

    def remove(self, slug: str) -> None:
        """Forget one that was defined by hand, and its alert. Raises NotFound, Conflict."""
        with self._state.write() as connection:
            if _row(connection, slug)["origin"] == "file":
                raise Conflict(f"heartbeat {slug} is defined in heartbeats.toml: remove it there")
            connection.execute(delete(pings).where(pings.c.slug == slug))
            connection.execute(delete(heartbeats).where(heartbeats.c.slug == slug))

    def pause(self, slug: str) -> None:
        """Let nobody mind it, until it is resumed or pings. Raises NotFound."""
        with self._state.write() as connection:
            beat = _beat(_row(connection, slug))
            _keep(connection, slug, replace(beat, paused=beat.paused or self.now(), runs={}))

    def resume(self, slug: str) -> None:
        """Watch it again, as if it were new. Raises NotFound."""
        with self._state.write() as connection:
            beat = _beat(_row(connection, slug))
            if beat.paused:
                _keep(connection, slug, replace(beat, paused=None, watched=self.now(), runs={}))

    def define(self, definitions: Mapping[str, Definition]) -> None:
        """Make those that are defined in the file what it says; what it doesn't name any more is forgotten."""
        with self._state.write() as connection:
            rows = connection.execute(select(heartbeats)).mappings().all()
            had = {row["slug"]: row for row in rows}
            for slug in [row["slug"] for row in rows if row["origin"] == "file" and row["slug"] not in definitions]:
                connection.execute(delete(pings).where(pings.c.slug == slug))
                connection.execute(delete(heartbeats).where(heartbeats.c.slug == slug))
            for slug, definition in definitions.items():
                if slug not in had:
                    self._insert(connection, slug, definition, "file")
                elif had[slug]["origin"] != "file" or had[slug]["definition"] != msgspec.to_builtins(definition):
                    self._redefine(connection, had[slug], definition)

    def kept(self) -> list[Kept]:
        """List all by their slugs, as `Watch` needs them."""
        with self._state.read() as connection:
            absence = _absence(connection)
            rows = connection.execute(select(heartbeats).order_by(heartbeats.c.slug)).mappings().all()
        now = self.now()
        return [_kept(row, now, absence) for row in rows]

    def alerted(self, slug: str, fell: datetime | None, rose: datetime | None) -> None:
        """Remember when an alert began and ended."""
        with self._state.write() as connection:
            connection.execute(update(heartbeats).where(heartbeats.c.slug == slug).values(fell=fell, rose=rose))

    def listens(self, pause: timedelta) -> None:
        """Note that somebody listens; if nobody did for longer than `pause`, remember that absence.

        Times later than now, from before the clock was set back, become now.
        """
        now = self.now()
        with self._state.write() as connection:
            row = connection.execute(select(watches)).mappings().one_or_none()
            if row is None:
                connection.execute(insert(watches).values(id=1, listened=now))
                return
            values: dict[str, datetime] = {"listened": now}
            if not timedelta() <= now - row["listened"] <= pause:
                values |= {"away_from": min(row["listened"], now), "away_to": now}
                self._turn(connection, lambda beat: held(beat, now))
            connection.execute(update(watches).values(values))

    def clock_was_set(self, by: timedelta) -> None:
        """Move all that happened along with the clock; for a moment nobody may have listened."""
        now = self.now()
        with self._state.write() as connection:
            self._turn(connection, lambda beat: held(moved(beat, by), now))
            connection.execute(update(watches).values(listened=now, away_from=min(now, now - abs(by)), away_to=now))

    def now(self) -> datetime:
        """Say the time."""
        return moment(self._clock.now_ns())

    def _turn(self, connection: Connection, change: Callable[[Beat], Beat]) -> None:
        for row in connection.execute(select(heartbeats)).mappings().all():
            before = _beat(row)
            after = change(before)
            if after != before:
                _keep(connection, row["slug"], after)

    def _insert(self, connection: Connection, slug: str, definition: Definition, origin: Origin) -> None:
        values = {**asdict(Beat(watched=self.now())), "definition": msgspec.to_builtins(definition), "origin": origin}
        connection.execute(insert(heartbeats).values(slug=slug, **values))

    def _redefine(self, connection: Connection, row: RowMapping, definition: Definition) -> None:
        """Change a definition; a new schedule begins now, but a failure stays one."""
        before, after = _plan(row), planned(row["slug"], definition)
        anew = (before.every, before.cron, before.zone) != (after.every, after.cron, after.zone) and not row["failed"]
        values = {"definition": msgspec.to_builtins(definition), "origin": "file"}
        values |= {"watched": self.now()} if anew else {}
        connection.execute(update(heartbeats).where(heartbeats.c.slug == row["slug"]).values(values))


def _find(connection: Connection, slug: str) -> RowMapping | None:
    return connection.execute(select(heartbeats).where(heartbeats.c.slug == slug)).mappings().one_or_none()


def _row(connection: Connection, slug: str) -> RowMapping:
    found = _find(connection, slug)
    if found is None:
        raise NotFound(f"there is no heartbeat {slug[:64]}")
    return found


def _keep(connection: Connection, slug: str, beat: Beat) -> None:
    values = {**asdict(beat), "runs": {rid: at.isoformat() for rid, at in beat.runs.items()}}
    connection.execute(update(heartbeats).where(heartbeats.c.slug == slug).values(values))


def _beat(row: RowMapping) -> Beat:
    given = {field.name: row[field.name] for field in fields(Beat)}
    return Beat(**{**given, "runs": {rid: datetime.fromisoformat(at) for rid, at in row["runs"].items()}})


def _plan(row: RowMapping) -> Plan:
    return _planned(row["slug"], msgspec.json.encode(row["definition"]))


@lru_cache(maxsize=MAX_HEARTBEATS * 2)
def _planned(slug: str, definition: bytes) -> Plan:
    return planned(slug, msgspec.json.decode(definition, type=Definition))


def _absence(connection: Connection) -> Absence | None:
    row = connection.execute(select(watches)).mappings().one_or_none()
    return Absence(row["away_from"], row["away_to"]) if row and row["away_to"] else None


def _kept(row: RowMapping, now: datetime, absence: Absence | None) -> Kept:
    plan, beat = _plan(row), held(_beat(row), now)
    return Kept(
        plan=plan, origin=row["origin"], beat=beat, stand=stand(beat, plan, now, absence), fell=row["fell"],
        rose=row["rose"],
    )  # fmt: skip


def _shown(kept: Kept) -> dict[str, Any]:
    plan, beat, now = kept.plan, kept.beat, kept.stand
    return {
        **{name: getattr(plan, name) for name in ("slug", "name", "severity", "description")},
        **{name: getattr(beat, name) for name in ("heard", "exit_code", "seconds", "pings")},
        **{name: getattr(now, name) for name in ("state", "running", "reason", "due", "deadline")},
        "schedule": f"every {written(plan.every)}" if plan.every else f"{plan.cron} {plan.zone}",
        "grace": written(plan.grace),
        "origin": kept.origin,
    }
