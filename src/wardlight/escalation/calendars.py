"""Calendars of rotations: a file, or an address that is asked every hour. The last good copy is kept and used.

Copies lie in DATA/calendars, one a rotation, so that an address that is away, or a file that breaks, changes nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from wardlight.escalation import ical
from wardlight.escalation.policy import OnCall, Person, Rotation
from wardlight.escalation.rotation import Duty
from wardlight.problems import BadConfig

EVERY = timedelta(hours=1)
"""Between two looks at an address; files are looked at every minute."""
SECONDS = 10.0
_FILES_EVERY = timedelta(minutes=1)
_LOOK_AHEAD = timedelta(weeks=8)

_log = logging.getLogger(__name__)


class Calendars:
    """All of them. Methods block."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._looked: dict[tuple[str, str], datetime] = {}
        self._faults: dict[str, str] = {}

    def refresh(self, oncall: OnCall, now: datetime) -> None:
        """Take over what is new, where it is time to look; what can't be read is logged once."""
        for name, rotation in oncall.rotations.items():
            key = (name, rotation.calendar)
            every = EVERY if _is_address(rotation.calendar) else _FILES_EVERY
            if not rotation.calendar or (key in self._looked and now - self._looked[key] < every):
                continue
            self._looked[key] = now
            fault = ""
            try:
                content = fetch(rotation.calendar, self._data)
                _, nobody = ical.read(content, oncall.people, rotation.zone, now, now + _LOOK_AHEAD)
                fault = f"events of nobody in oncall.toml: {', '.join(nobody)}" if nobody else ""
                self._keep(name, content)
            except BadConfig as problem:
                fault = f"{problem}; the last good copy is used"
            if fault and self._faults.get(name) != fault:
                _log.error("calendar of rotation %s: %s", name, fault)
            self._faults[name] = fault

    def duties(
        self, name: str, rotation: Rotation, people: Mapping[str, Person], span: tuple[datetime, datetime]
    ) -> list[Duty]:
        """Say what the calendar has in a range of time; nothing where there is no good copy."""
        if not rotation.calendar:
            return []
        try:
            return ical.read(self._copy(name).read_bytes(), people, rotation.zone, *span)[0]
        except (OSError, BadConfig):
            return []

    def _keep(self, name: str, content: bytes) -> None:
        copy = self._copy(name)
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(OSError):
            if copy.read_bytes() == content:
                return
        draft = copy.with_suffix(f".{os.getpid()}")
        draft.write_bytes(content)
        draft.replace(copy)

    def _copy(self, name: str) -> Path:
        return self._data / "calendars" / f"{name}.ics"


def fetch(source: str, data: Path) -> bytes:
    """Read a calendar from its file or address. Raises BadConfig, which names neither user nor password."""
    try:
        if not _is_address(source):
            with (data / source).open("rb") as file:
                return file.read(ical.MAX_BYTES + 1)
        with httpx.stream("GET", source, timeout=SECONDS, follow_redirects=True) as answer:
            if not answer.is_success:
                raise BadConfig(f"the calendar's address answers {answer.status_code}")
            content = b""
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > ical.MAX_BYTES:
                    break
            return content
    except OSError as error:
        raise BadConfig(f"the calendar {source} can't be read: {error.strerror}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadConfig(f"the calendar's address doesn't answer: {type(error).__name__}") from None


def check(oncall: OnCall, data: Path, now: datetime) -> dict[str, str]:
    """Say what is wrong with calendars, by rotation: unreadable, or with events of nobody who is known."""
    faults = {}
    for name, rotation in oncall.rotations.items():
        if not rotation.calendar:
            continue
        try:
            content = fetch(rotation.calendar, data)
            duties, nobody = ical.read(content, oncall.people, rotation.zone, now, now + _LOOK_AHEAD)
        except BadConfig as problem:
            faults[name] = str(problem)
            continue
        if nobody:
            faults[name] = f"the calendar has events of nobody in people: {', '.join(nobody[:5])}"
        elif not duties:
            faults[name] = "the calendar has no event in the next eight weeks"
    return faults


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))
