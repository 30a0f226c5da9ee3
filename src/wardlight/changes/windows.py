"""Maintenance windows in the state database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from wardlight.changes.tables import MIGRATIONS, events, windows
from wardlight.changes.window import STATES, State, Step, Window, checked, follow, take, text
from wardlight.clock import Clock, moment
from wardlight.problems import NotFound
from wardlight.store import state as database

Which = Literal["open", "announced", "active", "ended", "cancelled", "all"]
"""`open`: announced or active."""

CLOCKWORK = "wardlight"
"""The actor of what the time does."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A window came into a state."""

    window: Window
    state: State
    at: datetime
    actor: str


class Windows:
    """All windows. Methods block: call them in a thread."""

    def __init__(self, state: database.State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.migrate("changes", MIGRATIONS)

    def announce(self, what: str, matchers: Sequence[str], *, starts: datetime, ends: datetime, by: str) -> Window:
        """Announce a window; one that begins now is active at once. Raises BadInput."""
        now = self.now()
        written = checked(what, matchers, starts=starts, ends=ends, by=by, now=now)
        with self._state.write() as connection:
            window = Window(
                id=(connection.scalar(select(func.max(windows.c.id))) or 0) + 1, mark=str(uuid4()), state="announced",
                what=what, matchers=written, starts=starts, ends=ends, by=by, announced=now,
            )  # fmt: skip
            connection.execute(insert(windows).values({**asdict(window), "matchers": list(written)}))
            _note(connection, window, now, by)
            for state in follow(window, now):
                window = _enter(connection, window, state, now, by)
        return window

    def step(self, window_id: int, step: Step, by: str) -> Window:
        """Begin, end or cancel one by hand; doing it twice changes nothing. Raises NotFound, Conflict, BadInput."""
        text("by", by)
        with self._state.write() as connection:
            before = _window(connection, window_id)
            after = take(before, step, self.now())
            if after != before:
                values = {"starts": after.starts, "ends": after.ends, "settled": step == "cancel"}
                connection.execute(update(windows).where(windows.c.id == window_id).values(values))
                after = _enter(connection, replace(after, settled=step == "cancel"), after.state, self.now(), by)
        return after

    def listed(self, which: Which = "open", limit: int = 100) -> list[Window]:
        """List windows: open ones as they come, others with the newest first."""
        query = select(windows).limit(limit)
        if which == "open":
            query = query.where(windows.c.state.in_(("announced", "active"))).order_by(windows.c.starts, windows.c.id)
        else:
            query = query.order_by(windows.c.id.desc())
            query = query if which == "all" else query.where(windows.c.state == which)
        with self._state.read() as connection:
            return [_read(row) for row in connection.execute(query).mappings()]

    def get(self, window_id: int) -> Window:
        """Show one. Raises NotFound."""
        with self._state.read() as connection:
            return _window(connection, window_id)

    def tick(self) -> None:
        """Let windows begin and end whose time it is."""
        now = self.now()
        due = [window for window in self.unsettled() if follow(window, now)]
        for found in due:
            with self._state.write() as connection:
                window = _window(connection, found.id)
                for state in follow(window, now):
                    window = _enter(connection, window, state, now, CLOCKWORK)

    def unsettled(self) -> list[Window]:
        """List the windows of which something is left to be done, here or elsewhere."""
        with self._state.read() as connection:
            query = select(windows).where(windows.c.settled.is_(False)).order_by(windows.c.id)
            return [_read(row) for row in connection.execute(query).mappings()]

    def told(self, window: Window) -> None:
        """Keep what others call a window, and whether it is settled; not if it changed meanwhile."""
        values = {name: getattr(window, name) for name in ("silence", "annotation", "settled", "problem")}
        same = (windows.c.id == window.id) & (windows.c.state == window.state) & (windows.c.ends == window.ends)
        with self._state.write() as connection:
            connection.execute(update(windows).where(same).values(values))

    def unlogged(self) -> list[Event]:
        """List events that aren't in the log store yet, oldest first."""
        with self._state.read() as connection:
            query = select(events).where(events.c.logged.is_(False)).order_by(events.c.at, events.c.window_id)
            rows = connection.execute(query).mappings().all()
            return [
                Event(window=_window(connection, row["window_id"]), state=row["state"], at=row["at"], actor=row["actor"])
                for row in rows
            ]  # fmt: skip

    def logged(self, event: Event) -> None:
        """Note that an event is in the log store."""
        this = (events.c.window_id == event.window.id) & (events.c.state == event.state)
        with self._state.write() as connection:
            connection.execute(update(events).where(this).values(logged=True))

    def counts(self) -> tuple[dict[State, int], dict[State, int]]:
        """Count windows by their state, and how many ever came into each."""
        with self._state.read() as connection:
            now = _counted(connection, select(windows.c.state, func.count()).group_by(windows.c.state))
            ever = _counted(connection, select(events.c.state, func.count()).group_by(events.c.state))
        return now, ever

    def now(self) -> datetime:
        """Say the time."""
        return moment(self._clock.now_ns())


def _counted(connection: Connection, query: object) -> dict[State, int]:
    found = {row[0]: row[1] for row in connection.execute(query)}  # type: ignore[call-overload]
    return {state: found.get(state, 0) for state in STATES}


def _enter(connection: Connection, window: Window, state: State, now: datetime, actor: str) -> Window:
    window = replace(window, state=state)
    connection.execute(update(windows).where(windows.c.id == window.id).values(state=state))
    _note(connection, window, now, actor)
    return window


def _note(connection: Connection, window: Window, now: datetime, actor: str) -> None:
    values = {"state": window.state, "at": now, "actor": actor, "logged": False}
    connection.execute(insert(events).values(window_id=window.id, **values))


def _window(connection: Connection, window_id: int) -> Window:
    row = connection.execute(select(windows).where(windows.c.id == window_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no maintenance {window_id}")
    return _read(row)


def _read(row: RowMapping) -> Window:
    return Window(**{**row, "matchers": tuple(row["matchers"])})
