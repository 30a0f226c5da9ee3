"""Who is on call: oncall.toml as it is now, with overrides and calendars. Methods block."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from wardlight.clock import Clock, moment
from wardlight.escalation import calendars, ical, policy_file, rotation
from wardlight.escalation.calendars import Calendars
from wardlight.escalation.overrides import Overrides
from wardlight.escalation.policy import Level, OnCall, Rotation
from wardlight.escalation.rotation import HORIZON, Duty, Shift
from wardlight.problems import BadConfig, BadInput, NotFound
from wardlight.store.state import State

EMPTY = OnCall(people={}, rotations={}, levels={}, policies={}, routes=())
"""Where there is no oncall.toml: nobody is told, and each incident's timeline says so."""

_log = logging.getLogger(__name__)
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class OnDuty:
    """A rotation's shift, and the next one."""

    rotation: str
    now: Shift
    next: Shift | None


class Roster:
    """The file is read again when it changes; one that is broken changes nothing."""

    def __init__(self, data: Path, state: State, clock: Clock) -> None:
        self._data = data
        self._path = data / policy_file.NAME
        self._clock = clock
        self._overrides = Overrides(state)
        self._calendars = Calendars(data)
        self._stamp: _Stamp | None = None
        self._oncall = EMPTY
        self.fault = ""
        """What is wrong with the file; a line each."""

    def oncall(self) -> OnCall:
        """Return the tree as it is now."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._oncall = load(self._path) if stamp else EMPTY
                self.fault = ""
            except BadConfig as problem:
                self.fault = str(problem)
                _log.error("on call: refused, what it said before stays in force: %s", problem)
        return self._oncall

    def refresh(self) -> None:
        """Look at the calendars whose time has come."""
        self._calendars.refresh(self.oncall(), self._now())

    def on_call(self, level: Level) -> tuple[str, ...]:
        """Name the people of a level who are on call now."""
        oncall, now = self.oncall(), self._now()
        found: list[str] = []
        for name in level.who:
            found += [name] if name in oncall.people else self._people(name, oncall.rotations[name], now)
        return tuple(person for person in dict.fromkeys(found) if person in oncall.people)

    def rotations(self) -> list[OnDuty]:
        """Say for every rotation who is on call now, and who is next."""
        now = self._now()
        found = []
        for name, turns in self.oncall().rotations.items():
            duties = self._duties(name, turns, now, now + HORIZON)
            found.append(OnDuty(name, *rotation.now_and_next(turns, now, *duties)))
        return found

    def calendar(self, name: str, weeks: int) -> bytes:
        """Write a rotation's next weeks as iCal. Raises NotFound."""
        turns, start = self._rotation(name), self._now()
        end = start + timedelta(weeks=weeks)
        shifts = rotation.shifts(turns, start, end, *self._duties(name, turns, start, end))
        return ical.write(name, shifts, self.oncall().people, start)

    def override(self, name: str, duty: Duty, actor: str) -> None:
        """Let somebody stand in. Raises NotFound, BadInput."""
        self._rotation(name)
        if duty.person not in self.oncall().people:
            raise BadInput(f"there is no person {duty.person} in {policy_file.NAME}")
        self._overrides.add(name, duty, actor, self._now())

    def _rotation(self, name: str) -> Rotation:
        found = self.oncall().rotations.get(name)
        if found is None:
            raise NotFound(f"there is no rotation {name} in {policy_file.NAME}")
        return found

    def _people(self, name: str, turns: Rotation, at: datetime) -> Sequence[str]:
        return rotation.people_at(turns, at, *self._duties(name, turns, at, at + timedelta(seconds=1)))

    def _duties(self, name: str, turns: Rotation, start: datetime, end: datetime) -> tuple[list[Duty], list[Duty]]:
        """Return overrides and calendar of a range of time."""
        people = self.oncall().people
        return self._overrides.of(name, start, end), self._calendars.duties(name, turns, people, (start, end))

    def _now(self) -> datetime:
        return moment(self._clock.now_ns())


def load(path: Path) -> OnCall:
    """Read oncall.toml. Raises BadConfig with file and line."""
    try:
        return policy_file.read(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}:1: can't be read: {getattr(error, 'strerror', None) or 'not valid UTF-8'}") from None


def check(path: Path, data: Path, now: datetime) -> OnCall:
    """Read oncall.toml and its calendars. Raises BadConfig with everything that is wrong, a line each."""
    oncall = load(path)
    if faults := calendars.check(oncall, data, now):
        lines = policy_file.lines(path.read_text())
        where = {name: lines.get(("rotations", name, "calendar"), 1) for name in faults}
        raise BadConfig("\n".join(f"{path}:{where[name]}: rotation {name}: {faults[name]}" for name in faults))
    return oncall


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
