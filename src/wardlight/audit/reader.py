"""Who looks at the audit trail."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from wardlight.access.principal import principal


@dataclass(frozen=True)
class Reader:
    """Somebody who asks."""

    name: str
    address: str = ""


def who(request: HTTPConnection) -> Reader:
    """Say who asks; raises Unauthenticated when the gate has let nobody through."""
    asker = principal(request)
    return Reader(asker.name, asker.address)
