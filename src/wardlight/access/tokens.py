"""Tokens of machines: `wl_ID_SECRET`, of which the SHA-256 is kept. Each does what its scopes say, and nothing else.

send            send records        send:SERVICE    … of this service only
query:ROLE      read what a role may read, as it sees it
metrics         read metrics and how the platform is
ping            report to heartbeats, send alerts
"""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from wardlight.access import secret
from wardlight.access.book import Book, Row
from wardlight.access.principal import Principal
from wardlight.access.roles import NOTHING, RIGHTS, SIGHTS, Right, Role
from wardlight.access.tables import tokens
from wardlight.clock import Clock
from wardlight.problems import BadInput, NotFound

_FORM = re.compile(r"wl_([a-z2-9]{8})_([A-Za-z0-9]{43})")
_SOURCE = re.compile(r"[^\s,]{1,128}")
_READ = frozenset({Right.LOOK, Right.LOGS, Right.TRAIL})
_FRESH = 1.0
"""Seconds for which a check is good: a revoked token ends within them."""
_LAZY = 60.0
"""Seconds that the times of last use wait to be written."""
_LONGEST_DAYS = 3660
_REMEMBERED = 10_000


@dataclass(frozen=True)
class Token:
    """A token as people see it: never the secret. `state` is `good`, `expired` or `revoked`."""

    id: str
    name: str
    scopes: tuple[str, ...]
    state: str
    created: datetime
    created_by: str
    expires: datetime | None
    used: datetime | None
    used_from: str


@dataclass(frozen=True)
class Created:
    """A new token, and its secret, which is known now and never again."""

    token: Token
    secret: str


@dataclass(frozen=True)
class _Checked:
    id: str
    principal: Principal
    until: float


class Tokens:
    """All tokens."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._checked: dict[bytes, _Checked] = {}
        self._used: dict[str, tuple[datetime, str]] = {}
        self._flushed = clock.monotonic()
        self._lock = threading.Lock()

    def create(self, name: str, scopes: Iterable[str], *, days: int | None, by: str) -> Created:
        """Make a token, good for some days or, without, until it is revoked. Raises BadInput."""
        name, kept = name.strip(), tuple(sorted(set(scopes)))
        if not 1 <= len(name) <= 128 or not name.isprintable():
            raise BadInput("a token has a name of at most 128 letters, which says whose it is")
        _rights(kept)
        if days is not None and not 1 <= days <= _LONGEST_DAYS:
            raise BadInput(f"a token is good for 1 to {_LONGEST_DAYS} days")
        key, made = secret.made(8, secret.PLAIN), secret.made()
        with self._book.change() as change:
            expires = None if days is None else change.now + timedelta(days=days)
            row = {"id": key, "hash": secret.digest(made), "name": name, "scopes": " ".join(kept), "used_from": ""}
            change.connection.execute(
                sa.insert(tokens).values(**row, created=change.now, created_by=by, expires=expires)
            )
            change.note("token.created", by, token=key, name=name, scopes=" ".join(kept))
            token = Token(key, name, kept, "good", change.now, by, expires, None, "")
        return Created(token, f"wl_{key}_{made}")

    def revoke(self, key: str, *, by: str) -> Token:
        """End a token, at once here and within a second where another process has checked it. Raises NotFound."""
        with self._book.change() as change:
            row = change.connection.execute(sa.select(tokens).where(tokens.c.id == key)).one_or_none()
            if row is None:
                raise NotFound("there is no such token")
            if row.revoked is None:
                change.connection.execute(sa.update(tokens).where(tokens.c.id == key).values(revoked=change.now))
                change.note("token.revoked", by, token=key, name=row.name)
        with self._lock:
            self._checked = {digest: it for digest, it in self._checked.items() if it.id != key}
        return next(token for token in self.listed() if token.id == key)

    def listed(self) -> list[Token]:
        """List all, the newest first."""
        self.flush()
        now = self._book.now()
        with self._book.state.read() as connection:
            rows = connection.execute(sa.select(tokens).order_by(tokens.c.created.desc(), tokens.c.id)).all()
        return [
            Token(it.id, it.name, tuple(it.scopes.split()), _state(it, now), it.created, it.created_by, it.expires,
                  it.used, it.used_from)
            for it in rows
        ]  # fmt: skip

    def quick(self, text: str) -> Principal | None:
        """Say whose a token is if it was checked within the last second; never blocks."""
        found = self._checked.get(secret.digest(text))
        return found.principal if found is not None and self._clock.monotonic() < found.until else None

    def principal(self, text: str, *, address: str = "") -> Principal | None:
        """Say whose a token is; None if it is wrong, expired or revoked, without saying which. Blocks now and then."""
        known = self.quick(text)
        if known is not None:
            return known
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        now = self._book.now()
        with self._book.state.read() as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.id == form[1])).one_or_none()
        right = hmac.compare_digest(secret.digest(form[2]), row.hash if row is not None else bytes(32))
        if row is None or not right or _state(row, now) != "good":
            return None
        return self._remember(text, row.id, _principal(row.name, tuple(row.scopes.split())), now, address)

    def flush(self) -> None:
        """Write when tokens were last used."""
        with self._lock:
            used, self._used = self._used, {}
            self._flushed = self._clock.monotonic()
        if used:
            with self._book.state.write() as connection:
                for key, (at, address) in used.items():
                    values = {"used": at, "used_from": address[:64]}
                    connection.execute(sa.update(tokens).where(tokens.c.id == key).values(values))

    def _remember(self, text: str, key: str, principal: Principal, now: datetime, address: str) -> Principal:
        until = self._clock.monotonic() + _FRESH
        with self._lock:
            if len(self._checked) >= _REMEMBERED:
                self._checked = {}
            self._checked[secret.digest(text)] = _Checked(key, principal, until)
            self._used[key] = (now, address)
            due = self._clock.monotonic() - self._flushed >= _LAZY
        if due:
            self.flush()
        return principal


def _principal(name: str, scopes: tuple[str, ...]) -> Principal:
    role = next((Role(scope.partition(":")[2]) for scope in scopes if scope.startswith("query:")), None)
    source = next((scope.partition(":")[2] for scope in scopes if scope.startswith("send:")), "")
    sight = SIGHTS[role] if role is not None else NOTHING
    return Principal(
        name=name, rights=_rights(scopes), sight=sight, roles=() if role is None else (role,), way="token", source=source
    )  # fmt: skip


def _rights(scopes: tuple[str, ...]) -> frozenset[Right]:
    """Say what scopes allow; raises BadInput when they make no sense."""
    if not scopes:
        raise BadInput("a token has at least one scope: send, send:SERVICE, query:ROLE, metrics or ping")
    rights: set[Right] = set()
    for scope in scopes:
        word, _, of = scope.partition(":")
        if word == "send" and (scope == "send" or _SOURCE.fullmatch(of)):
            rights.add(Right.SEND)
        elif word == "query" and of in set(Role):
            rights |= RIGHTS[Role(of)] & _READ
        elif scope in ("metrics", "ping"):
            rights.add(Right.LOOK if scope == "metrics" else Right.PING)
        else:
            raise BadInput(f"there is no scope {scope!r}: it is send, send:SERVICE, query:ROLE, metrics or ping")
    if len([scope for scope in scopes if scope.startswith("send")]) > 1:
        raise BadInput("a token sends records of any service, or of one")
    if len([scope for scope in scopes if scope.startswith("query")]) > 1:
        raise BadInput("a token queries as one role")
    return frozenset(rights)


def _state(row: Row, now: datetime) -> str:
    if row.revoked is not None:
        return "revoked"
    return "expired" if row.expires is not None and row.expires <= now else "good"
