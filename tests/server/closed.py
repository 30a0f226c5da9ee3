"""A closed house with somebody of each role and a token of each scope."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from wardlight.access.access import Access
from wardlight.access.principal import Principal
from wardlight.access.roles import Role
from wardlight.access.sessions import Visit
from wardlight.clock import ManualClock
from wardlight.config import Settings
from wardlight.server import create_app
from wardlight.store import owner
from wardlight.store.state import State

HERE = "http://127.0.0.1:8480"
SCOPES = ("send", "send:portal", "metrics", "ping", *(f"query:{role}" for role in Role))
Headers = dict[str, str]


@dataclass(frozen=True)
class Closed:
    """A running server, and its accounts as the command line reaches them."""

    app: FastAPI
    client: TestClient
    access: Access
    clock: ManualClock
    key: str

    def session(self, role: Role) -> Headers:
        """Sign somebody of a role in, as the sign-in service does it; what their browser sends then."""
        self.access.people.recognised(f"test {role}", f"{role}.person", "", [role])
        secret = self.access.signing.begin(f"{role}.person", Visit("127.0.0.1")).secret
        return {"Cookie": f"wardlight={secret}", "Origin": HERE}

    def token(self, *scopes: str) -> Headers:
        """Make a token; what its machine sends then."""
        made = self.access.tokens.create(" ".join(scopes), scopes, days=1, by="test")
        return {"Authorization": f"Bearer {made.secret}"}

    def askers(self) -> dict[str, tuple[Headers, Principal | None]]:
        """Everybody who may come: what they send, and who they are to the gate."""
        found: dict[str, tuple[Headers, Principal | None]] = {"nobody": ({}, None)}
        for role in Role:
            headers = self.session(role)
            secret = headers["Cookie"].partition("=")[2]
            found[role] = (headers, self.access.sessions.principal(secret))
        for scope in SCOPES:
            headers = self.token(scope)
            found[scope] = (headers, self.access.tokens.principal(headers["Authorization"].partition(" ")[2]))
        return found


@contextmanager
def closed(data: Path, clock: ManualClock | None = None, settings: Settings | None = None) -> Iterator[Closed]:
    """Start a server that asks for sign-in."""
    settings, clock = settings or Settings(), clock or ManualClock()
    app = create_app(settings, data, clock)
    state = State(data / "state.db")
    try:
        with TestClient(app, base_url=HERE, client=("127.0.0.1", 50000), follow_redirects=False) as client:
            running = owner.find(data)
            assert running is not None
            yield Closed(app, client, Access(state, clock, settings.access), clock, running.key)
    finally:
        state.close()
