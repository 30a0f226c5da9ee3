"""Who asks: a person, a machine, the owner of the data directory; or anybody, where the house is open."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from wardlight.access.roles import NOTHING, Right, Role
from wardlight.problems import Unauthenticated
from wardlight.records import Sight


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Somebody or something that asks, as the gate has seen it."""

    name: str
    rights: frozenset[Right]
    sight: Sight = NOTHING
    roles: tuple[Role, ...] = ()
    way: str
    """How it was recognised: `session`, `token`, `owner` (the key in the data directory), `open` (no sign-in)."""
    address: str = ""
    source: str = ""
    """For a machine that sends: the one service whose records it may send; empty: any."""


OPEN = Principal(
    name="local", rights=frozenset(Right) - {Right.OWN, Right.ADMIT}, sight=Sight(), roles=tuple(Role), way="open"
)
"""Whoever reaches a house without sign-in, which listens on loopback only. Accounts aren't theirs to make: they outlast it."""

ASKING: ContextVar[Principal | None] = ContextVar("ASKING", default=None)
"""Who asks now, for what every page shows: the gate sets it."""


def principal(request: HTTPConnection) -> Principal:
    """Say who asks; raises Unauthenticated when the gate has let nobody through."""
    found = request.scope.get("wardlight.principal")
    if not isinstance(found, Principal):
        raise Unauthenticated("sign in first, or send a token")
    return found


def actor(request: HTTPConnection, given: str) -> str:
    """Say who does something: whoever has signed in; where nobody needs to, and for the owner, the name that is given."""
    found = principal(request)
    return found.name if found.way in ("session", "token") else given
