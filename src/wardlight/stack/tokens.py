"""Who is let in at first: the parts of the stack by tokens, the first administrator by a link.

Both are made in the state database, whether or not the server runs.
"""

from __future__ import annotations

from contextlib import closing

from wardlight.access.access import FIRST, Access
from wardlight.clock import SystemClock
from wardlight.config import Access as AccessSettings
from wardlight.config import Settings
from wardlight.stack.layout import Layout
from wardlight.store.state import State

SCOPES = {"prometheus": ("metrics",), "alertmanager": ("ping",), "grafana": ("query:administrator",)}
"""What each may: read our metrics, tell of alerts, ask logs, masked."""
DAYS = {"prometheus": 30, "alertmanager": 30, "grafana": 366}
"""How long a token holds; it is renewed after ten, but for Grafana's, which is read at a start only."""
BY = "wardlight up"


class Issuer:
    """Makes a part's token, and ends those before it."""

    def __init__(self, layout: Layout, settings: AccessSettings) -> None:
        self._layout = layout
        self._settings = settings

    def __call__(self, part: str) -> str:
        """Return the new token of a part; what it may do is in `SCOPES`."""
        name = f"stack:{part}"
        with closing(State(self._layout.data / "state.db")) as state:
            tokens = Access(state, SystemClock(), self._settings, None).tokens
            older = [one for one in tokens.listed() if one.name == name and one.state == "good"]
            made = tokens.create(name, SCOPES[part], days=DAYS[part], by=BY)
            for one in older:
                tokens.revoke(one.id, by=BY)
        return str(made.secret)


def welcome(layout: Layout, settings: Settings, *, seen: bool) -> str:
    """Say how the first administrator gets in, with a link that works once; empty when somebody has joined.

    The link is in the file `first-sign-in` of the data directory, and in the sentence only if it is `seen` by somebody
    rather than kept in a log. A link from before works no longer.
    """
    with closing(State(layout.data / "state.db")) as state:
        invited = Access(state, SystemClock(), settings.access, None).people.first()
    if invited is None:
        return ""
    link = f"{settings.server.address}{invited.path}"
    path = layout.data / FIRST
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{link}\n")
    where = link if seen else f"the address in {path}"
    return f"nobody has an account yet: become the administrator at {where} (once, until {invited.expires:%F %R} UTC)"
