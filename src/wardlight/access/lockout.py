"""Failed sign-ins: after some, a back-off that doubles with each further one, by account and by address.

An attempt counts as failed from its start until it has succeeded, so that many at once are no way around.
An account that doesn't exist is counted like one that does. What is counted is kept as a hash: people type passwords
into the wrong field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

import sqlalchemy as sa

from wardlight.access import secret
from wardlight.access.book import Row
from wardlight.access.tables import failures
from wardlight.problems import Busy

ACCOUNT = 5
"""Failures of an account before it is held back."""
ADDRESS = 20
"""Of an address: a whole hospital may share one."""
_FIRST = timedelta(seconds=30)
_LONGEST = timedelta(hours=1)
_FORGOTTEN = timedelta(hours=24)


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun: the hashes of its account and of its address."""

    account: bytes
    address: bytes

    @classmethod
    def of(cls, name: str, address: str) -> Attempt:
        """Begin one. Of an IPv6 address its network of 64 bits counts: that is what one customer has."""
        return cls(secret.digest(f"account:{name}"), secret.digest(f"address:{_network(address)}"))


def begin(connection: sa.Connection, attempt: Attempt, now: datetime) -> int:
    """Count an attempt as failed, unless one must wait: the seconds to wait, else 0."""
    connection.execute(sa.delete(failures).where(failures.c.at < now - _FORGOTTEN))
    wait = held(connection, attempt, now)
    if not wait:
        counts = {row.subject: row.failed for row in _rows(connection, attempt)}
        for subject, free in ((attempt.account, ACCOUNT), (attempt.address, ADDRESS)):
            _put(connection, subject, counts.get(subject, 0) + 1, free, now)
    return wait


def held(connection: sa.Connection, attempt: Attempt, now: datetime) -> int:
    """Say for how many seconds attempts like this one are held back."""
    wait = max((row.until - now for row in _rows(connection, attempt)), default=timedelta(0))
    return max(-(-wait // timedelta(seconds=1)), 0)


def succeeded(connection: sa.Connection, attempt: Attempt, now: datetime, *, wholly: bool = True) -> None:
    """Take an attempt back; when somebody has signed in `wholly`, the account's earlier failures too.

    Those of the address stay: whoever has an account of their own must not try others in between.
    """
    for row in _rows(connection, attempt):
        if row.failed <= 1 or (wholly and row.subject == attempt.account):
            connection.execute(sa.delete(failures).where(failures.c.subject == row.subject))
        else:
            values = {"failed": row.failed - 1, "until": now}
            connection.execute(sa.update(failures).where(failures.c.subject == row.subject).values(values))


def forgive(connection: sa.Connection, name: str) -> None:
    """Forget an account's failures."""
    connection.execute(sa.delete(failures).where(failures.c.subject == Attempt.of(name, "").account))


def refuse(wait: int) -> None:
    """Raise Busy when one must wait."""
    if wait:
        raise Busy(f"too many failed attempts: try again in {wait} seconds", retry_after=wait)


def _rows(connection: sa.Connection, attempt: Attempt) -> Sequence[Row]:
    these = failures.c.subject.in_((attempt.account, attempt.address))
    return connection.execute(sa.select(failures).where(these)).all()


def _put(connection: sa.Connection, subject: bytes, count: int, free: int, now: datetime) -> None:
    back_off = min(_FIRST * 2 ** min(count - free, 20), _LONGEST) if count >= free else timedelta(0)
    connection.execute(sa.delete(failures).where(failures.c.subject == subject))
    connection.execute(sa.insert(failures).values(subject=subject, failed=count, at=now, until=now + back_off))


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)
