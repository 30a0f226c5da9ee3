"""Links that acknowledge: signed, for one person, one use and one day.

A token is a nonce and an HMAC-SHA256 over incident, person, step, expiry and nonce. What the nonce stands for lies in
the state database, so that a link stays short; who can write there can't make a link all the same, for the key is in a
file of its own, readable by its owner only.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import Column, Integer, MetaData, Table, Text, delete, insert, select, update

from wardlight.clock import Clock, moment
from wardlight.problems import Denied, Unavailable
from wardlight.store.schema import Migration
from wardlight.store.state import Instant, State

LIFE = timedelta(hours=24)
_REMEMBERED = timedelta(days=7)
"""How long a link that is over is known as such; later it counts as forged."""
_KEY_BYTES = 32
_NONCE_BYTES = 12
_MAC_BYTES = 16

_links = Table(
    "notify_links",
    MetaData(),
    Column("nonce", Text, primary_key=True),
    Column("incident_id", Integer),
    Column("person", Text),
    Column("step", Integer),
    Column("expires", Instant),
    Column("used", Instant),
)

_FIRST = (
    """
CREATE TABLE notify_links (
    nonce TEXT PRIMARY KEY,
    incident_id BIGINT NOT NULL,
    person TEXT NOT NULL,
    step INTEGER NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT
)""",
    "CREATE INDEX notify_links_by_expiry ON notify_links (expires)",
)
MIGRATIONS = (Migration(1, "links that acknowledge", _FIRST),)
"""In order; a released one is never changed."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link that we once made."""

    incident: int
    person: str
    step: int
    expires: datetime
    used: datetime | None
    state: Literal["good", "used", "expired"]


class Links:
    """All links. Methods block: call them in a thread."""

    def __init__(self, state: State, key: Path, clock: Clock) -> None:
        state.migrate("notify", MIGRATIONS)
        self._state = state
        self._clock = clock
        self._key = load_key(key)

    def issue(self, incident: int, person: str, step: int) -> str:
        """Make a token; on return it is on disk. It holds for `LIFE`."""
        now = self._now()
        nonce = _text(secrets.token_bytes(_NONCE_BYTES))
        expires = now + LIFE
        link = {"nonce": nonce, "incident_id": incident, "person": person, "step": step, "expires": expires}
        with self._state.write() as connection:
            connection.execute(delete(_links).where(_links.c.expires < now - _REMEMBERED))
            connection.execute(insert(_links).values(used=None, **link))
        return nonce + self._mac(incident, person, step, expires, nonce)

    def look(self, token: str) -> Link:
        """Say what a token stands for, without using it. Raises Denied for one that we didn't make."""
        nonce = _nonce(token)
        with self._state.read() as connection:
            row = connection.execute(select(_links).where(_links.c.nonce == nonce)).one_or_none()
        if row is None or not hmac.compare_digest(
            token[len(nonce) :].encode(), self._mac(row.incident_id, row.person, row.step, row.expires, nonce).encode()
        ):
            raise Denied("this link isn't one of ours, or it is older than a week")
        state: Literal["good", "used", "expired"] = (
            "used" if row.used else "expired" if row.expires <= self._now() else "good"
        )
        return Link(
            incident=row.incident_id, person=row.person, step=row.step, expires=row.expires, used=row.used, state=state
        )

    def use(self, token: str) -> Link:
        """Use a token up: the link as it was before, and `good` for one caller only. Raises Denied as `look`."""
        link = self.look(token)
        now = self._now()
        fresh = (_links.c.nonce == _nonce(token)) & _links.c.used.is_(None) & (_links.c.expires > now)
        with self._state.write() as connection:
            won = connection.execute(update(_links).where(fresh).values(used=now)).rowcount == 1
        return link if won else self.look(token)

    def give_back(self, token: str) -> None:
        """Let a token be used again, after what it stood for couldn't be done."""
        with self._state.write() as connection:
            connection.execute(update(_links).where(_links.c.nonce == _nonce(token)).values(used=None))

    def _mac(self, incident: int, person: str, step: int, expires: datetime, nonce: str) -> str:
        signed = "\n".join((str(incident), person.encode().hex(), str(step), expires.isoformat(), nonce))
        return _text(hmac.digest(self._key, signed.encode(), hashlib.sha256)[:_MAC_BYTES])

    def _now(self) -> datetime:
        return moment(self._clock.now_ns())


def load_key(path: Path) -> bytes:
    """Read the key; make it at first use, readable by its owner only. Raises Unavailable when it is damaged."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another server was first: its key counts
            path.hardlink_to(draft)
        draft.unlink()
    try:
        key = bytes.fromhex(path.read_text())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Unavailable(f"{path} is no key: remove it, and a new one is made; links that were sent are void then")
    return key


def _nonce(token: str) -> str:
    return token[: _NONCE_BYTES * 8 // 6]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
