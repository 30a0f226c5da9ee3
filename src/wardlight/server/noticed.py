"""Changes that are made beside the server, as events of the audit trail: settings, rules and other files, legal holds.

They are seen at the start and once a minute after it. What was seen is kept as keyed digests in `noticed.json`; the trail
is told names, never values.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import msgspec

from wardlight.audit.deeds import Deeds
from wardlight.config import Settings
from wardlight.looking import looking
from wardlight.server.ground import Ground
from wardlight.store.holds import Holds

NAME = "noticed.json"
_FILES = ("oncall.toml", "heartbeats.toml")
_RULES = ("rules/*.yml", "rules/*.yaml")
_PAUSE = 60.0
_OWNER = "owner"


class _Seen(msgspec.Struct):
    key: str
    things: dict[str, str]


class Noticed:
    """Compares what there is with what was seen."""

    def __init__(self, ground: Ground, deeds: Deeds) -> None:
        self._ground = ground
        self._deeds = deeds
        self._path = ground.data / NAME
        self._holds = Holds(ground.state, ground.clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look now and then, until the end."""
        async with looking(self.look, lambda: _PAUSE, "noticing changes"):
            yield

    def look(self) -> None:
        """Tell the trail of what has changed."""
        seen = self._read()
        before = seen.things if seen is not None else {}
        key = seen.key if seen is not None else secrets.token_hex(32)
        now = {name: _digest(key, value) for name, value in self._things()}
        if now == before:
            return
        changed = sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
        if seen is not None:
            self._tell("settings.changed", "settings", [it for it in changed if it.startswith("setting ")])
            self._tell("files.changed", "files", [it for it in changed if it.startswith("file ")])
        self._tell_holds(changed)
        self._write(_Seen(key, now))

    def _things(self) -> Iterator[tuple[str, str]]:
        """Go through everything that is looked at: its name and what it says."""
        yield from _settings(self._ground.settings)
        data = self._ground.data
        paths = [data / name for name in _FILES] + [path for rule in _RULES for path in sorted(data.glob(rule))]
        for path in paths:
            if path.is_file():
                yield f"file {path.relative_to(data)}", path.read_bytes().decode("latin-1")
        for hold in self._holds.listed(released=True):
            yield f"hold {hold.id} placed", hold.placed_by
            if hold.released is not None:
                yield f"hold {hold.id} released", hold.released_by or ""

    def _tell(self, deed: str, about: str, names: list[str]) -> None:
        if names:
            told = ", ".join(name.partition(" ")[2] for name in names)
            self._deeds.note(deed, _OWNER, way="file", about=about, number=told)

    def _tell_holds(self, changed: list[str]) -> None:
        for hold in self._holds.listed(released=True):
            for step, by in (("placed", hold.placed_by), ("released", hold.released_by or "")):
                if f"hold {hold.id} {step}" in changed:
                    self._deeds.note(f"hold.{step}", by, way="cli", about=f"hold on {hold.scope}", number=str(hold.id))

    def _read(self) -> _Seen | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Seen)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _write(self, seen: _Seen) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(seen))
        fresh.replace(self._path)


def _settings(settings: Settings) -> Iterator[tuple[str, str]]:
    for section, values in msgspec.to_builtins(settings).items():
        for name, value in values.items():
            yield f"setting {section}.{name}", msgspec.json.encode(value).decode()


def _digest(key: str, value: str) -> str:
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()
