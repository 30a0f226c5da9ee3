"""Who gets in, on a real state database, with a clock turned by hand and what the audit trail would be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
import pytest
from argon2 import PasswordHasher

from wardlight.access.access import Access
from wardlight.access.book import Deed
from wardlight.access.passwords import Passwords
from wardlight.access.roles import Role
from wardlight.access.sessions import Started, Visit
from wardlight.clock import ManualClock
from wardlight.config import Access as Settings
from wardlight.store.state import State

GOOD = "violet tractor seldom hums"
BETTER = "nine quiet lanterns, one harbour"
HERE = Visit("192.0.2.7", "a browser")


@dataclass
class House:
    """One data directory; argon2 is quick here, as it must not be elsewhere."""

    data: Path
    settings: Settings = field(default_factory=Settings)
    clock: ManualClock = field(default_factory=ManualClock)
    told: list[Deed] = field(default_factory=list)
    hasher: PasswordHasher = field(default_factory=lambda: PasswordHasher(1, 8, 1))

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start the server, with today's parameters."""
        self.state = State(self.data / "state.db")
        self.passwords = Passwords(self.settings.breached_passwords, self.hasher)
        self.access = Access(self.state, self.clock, self.settings, self.told.append, self.passwords)

    def stop(self) -> None:
        """Stop it."""
        self.access.close()
        self.state.close()

    def join(self, name: str = "ann", *roles: Role, password: str = GOOD) -> str:
        """Let somebody have an account."""
        invitation = self.access.people.invite(name, "", roles or (Role.SUPPORT,), by="maria")
        return self.access.signing.accept(invitation.secret, password, HERE)

    def sign_in(self, name: str = "ann", password: str = GOOD, visit: Visit = HERE, *, old: str = "") -> Started:
        """Sign somebody in."""
        return self.access.signing.sign_in(name, password, visit, old=old)

    def opens(self, started: Started) -> bool:
        """Say whether a session's secret opens anything."""
        return self.access.sessions.principal(started.secret) is not None

    def factor(self, name: str = "ann") -> tuple[str, list[str]]:
        """Give somebody a second factor: its secret, and the recovery codes."""
        secret = self.access.second.enrol(name).secret
        return secret, self.access.second.confirm(name, self.code(secret), by=name)

    def code(self, secret: str, steps: int = 0) -> str:
        """Say what an authenticator shows now, or some steps of thirty seconds from now."""
        return pyotp.TOTP(secret).at(self.clock.now_ns() // 10**9 + 30 * steps)

    def actions(self) -> list[str]:
        """Name what the audit trail was told, and whose deed it was."""
        return [f"{deed.action} by {deed.by}" for deed in self.told]

    def bytes(self) -> bytes:
        """Read all that is on disk of the state database."""
        return b"".join(path.read_bytes() for path in sorted(self.data.glob("state.db*")))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.stop()
