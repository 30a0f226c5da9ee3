"""Who looks at the audit trail."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection


@dataclass(frozen=True)
class Reader:
    """Somebody who asks."""

    name: str
    address: str = ""


def who(request: HTTPConnection) -> Reader:
    """Say who asks: until there is sign-in, somebody on this machine, at an address."""
    return Reader("local", request.client.host if request.client else "")
