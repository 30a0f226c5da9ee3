"""Sessions of people, kept on the server: a cookie is nothing but a random secret, whose SHA-256 is here.

A session ends when nobody has used it for `access.idle_minutes`, when it is `access.session_hours` old, and with
whatever makes it wrong: sign-out, a new password, other roles, a disabled account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from wardlight.access import secret
from wardlight.access.book import Book, Change, Row
from wardlight.access.people import roles_of
from wardlight.access.principal import Principal
from wardlight.access.roles import rights_of, sight_of
from wardlight.access.tables import people, sessions
from wardlight.config import Access as Settings

_CODE = timedelta(minutes=5)
"""How long a session waits for the second factor."""
_LAZY = timedelta(seconds=30)
"""How old the note of its last use may be: a session may end by this much too early, never too late."""


@dataclass(frozen=True)
class Visit:
    """From where somebody comes."""

    address: str
    agent: str = ""


@dataclass(frozen=True)
class Started:
    """A new session; `pending`: it opens nothing before the second factor."""

    secret: str
    person: str
    expires: datetime
    pending: bool = False


@dataclass(frozen=True)
class Session:
    """A session that runs."""

    person: str
    created: datetime
    seen: datetime
    address: str
    agent: str


class Sessions:
    """All sessions. Methods block."""

    def __init__(self, book: Book, settings: Settings) -> None:
        self._book = book
        self._idle = timedelta(minutes=settings.idle_minutes)
        self._longest = timedelta(hours=settings.session_hours)

    def principal(self, secret_: str, *, address: str = "", active: bool = True) -> Principal | None:
        """Say whose session a secret opens; None if none. `active` means that a person did something, not a page by itself."""
        key = secret.digest(secret_)
        query = sa.select(sessions, people.c.roles).join(people, people.c.name == sessions.c.person)
        now = self._book.now()
        with self._book.state.read() as connection:
            row = connection.execute(query.where(sessions.c.hash == key, people.c.disabled.is_(False))).one_or_none()
        if row is None or row.pending or self._over(row, now):
            return None
        if active and now - row.seen > _LAZY:
            with self._book.state.write() as connection:
                connection.execute(sa.update(sessions).where(sessions.c.hash == key).values(seen=now))
        roles = roles_of(row.roles)
        return Principal(
            name=row.person, rights=rights_of(roles), sight=sight_of(roles), roles=roles, way="session", address=address
        )  # fmt: skip

    def start(self, change: Change, person: str, visit: Visit, *, old: str = "", pending: bool = False) -> Started:
        """Begin a session with a secret of its own; the visitor's `old` one ends, and what is over is swept out."""
        end(change, old)
        self._sweep(change)
        made = secret.made()
        row = {"hash": secret.digest(made), "person": person, "pending": pending, "created": change.now}
        where = {"seen": change.now, "address": visit.address[:64], "agent": visit.agent[:256]}
        change.connection.execute(sa.insert(sessions).values(**row, **where))
        return Started(made, person, change.now + (_CODE if pending else self._longest), pending)

    def pending(self, connection: sa.Connection, secret_: str) -> str | None:
        """Say who must still show a second factor; None when nobody, or too late."""
        query = sa.select(sessions).where(sessions.c.hash == secret.digest(secret_), sessions.c.pending)
        row = connection.execute(query).one_or_none()
        return None if row is None or self._over(row, self._book.now()) else str(row.person)

    def of(self, name: str) -> list[Session]:
        """List somebody's sessions, the last used first."""
        query = sa.select(sessions).where(sessions.c.person == name, sa.not_(sessions.c.pending))
        now = self._book.now()
        with self._book.state.read() as connection:
            rows = connection.execute(query.order_by(sessions.c.seen.desc())).all()
        return [Session(it.person, it.created, it.seen, it.address, it.agent) for it in rows if not self._over(it, now)]

    def _over(self, row: Row, now: datetime) -> bool:
        if row.pending:
            return bool(now - row.created >= _CODE)
        return bool(now - row.seen >= self._idle or now - row.created >= self._longest)

    def _sweep(self, change: Change) -> None:
        over = (sessions.c.seen <= change.now - self._idle, sessions.c.created <= change.now - self._longest)
        change.connection.execute(sa.delete(sessions).where(sa.or_(*over)))


def end(change: Change, secret_: str) -> str | None:
    """End one session; says whose it was, None if there was none."""
    this = sessions.c.hash == secret.digest(secret_)
    person = change.connection.scalar(sa.select(sessions.c.person).where(this, sa.not_(sessions.c.pending)))
    change.connection.execute(sa.delete(sessions).where(this))
    return person
