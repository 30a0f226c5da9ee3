"""What the bytes of an entry mean. The first byte is the version of this encoding; both hold 16 random bytes of salt.

    1 | salt | event                                    the event as it is
    2 | salt | SHA-256 of salt and event, 32 bytes      an event too large for an entry: it lies beside the log

The salt keeps those who see only the tree's hashes from guessing events; it must never be used twice. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from wardlight.ledger.tiles import MAX_ENTRY_BYTES
from wardlight.problems import BadInput

SALT_BYTES = 16

_WHOLE, _DIGEST = b"\1", b"\2"


@dataclass(frozen=True)
class Leaf:
    """An entry, read."""

    salt: bytes
    event: bytes | None
    """None when it lies beside the log, under `digest`."""
    digest: bytes
    """SHA-256 of salt and event."""

    def must_be(self, event: bytes) -> bytes:
        """Return `event` if it is this entry's. Raises BadInput."""
        if event_digest(event, self.salt) != self.digest:
            raise BadInput("the event isn't the one whose digest is in the log")
        return event


def event_digest(event: bytes, salt: bytes) -> bytes:
    """Return the digest under which a large event lies beside the log."""
    return sha256(salt + event).digest()


def leaf(event: bytes, salt: bytes) -> bytes:
    """Write an entry; of a large event only the digest."""
    if len(salt) != SALT_BYTES:
        raise BadInput(f"a salt has {SALT_BYTES} bytes")
    entry = _WHOLE + salt + event
    return entry if len(entry) <= MAX_ENTRY_BYTES else _DIGEST + salt + event_digest(event, salt)


def unleaf(entry: bytes) -> Leaf:
    """Read an entry. Raises BadInput."""
    version, salt, rest = entry[:1], entry[1 : 1 + SALT_BYTES], entry[1 + SALT_BYTES :]
    if len(salt) == SALT_BYTES and version == _WHOLE:
        return Leaf(salt, rest, event_digest(rest, salt))
    if len(salt) == SALT_BYTES and version == _DIGEST and len(rest) == 32:
        return Leaf(salt, None, rest)
    raise BadInput("the entry isn't encoded as this version knows it")
