"""Who is at work: bound once per request, found by every record that is sent meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(slots=True)
class Who:
    """The user behind a request; an empty field is unknown."""

    user: str = ""
    role: str = ""
    session: str = ""
    address: str = ""
    user_agent: str = ""

    def attributes(self) -> dict[str, str]:
        """Name what is known as OpenTelemetry does."""
        named = {
            "user.id": self.user,
            "user.role": self.role,
            "session.id": self.session,
            "client.address": self.address,
            "user_agent.original": self.user_agent,
        }
        return {name: value for name, value in named.items() if value}


_who: ContextVar[Who] = ContextVar("wardlight_who")


def who() -> Who:
    """Give the one who is at work here, to be filled in place.

    One object serves a whole request, so that what a dependency or a thread of it learns is known to the rest of it.
    """
    found = _who.get(None)
    if found is None:
        found = Who()
        _who.set(found)
    return found


@contextmanager
def someone(**known: str) -> Iterator[Who]:
    """Work as somebody else meanwhile: what is bound inside is forgotten afterwards."""
    token = _who.set(replace(_who.get(Who()), **known))
    try:
        yield _who.get()
    finally:
        _who.reset(token)
