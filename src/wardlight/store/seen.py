"""Recognising what was sent before, so that a sender that tries again is answered as the first time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import blake2b
from typing import Generic, TypeVar

KEY_BYTES = 16
KEPT_KEYS = 100_000
"""Idempotency keys that are remembered across restarts, the newest."""
KEPT_DIGESTS = 20_000

Result = TypeVar("Result")


@dataclass(frozen=True)
class Key:
    """By what a repeated batch is recognised: 16 bytes (`KEY_BYTES`), or none."""

    value: bytes = b""
    lasting: bool = False
    """Remembered across restarts (the newest `KEPT_KEYS`); others only among the newest while this process lives."""


@dataclass(frozen=True)
class Submitted(Generic[Result]):
    """What became of a batch."""

    done: Future[Result]
    """Done when it is on disk, or has the problem why not."""
    repeated: bool = False
    """Its key was seen before; nothing is written a second time."""


class Seen(Generic[Result]):
    """The newest keys and what became of their batches. Callers take turns."""

    def __init__(self, before: Iterable[tuple[bytes, Result]] = ()) -> None:
        self._keys: OrderedDict[bytes, Result | Future[Result]] = OrderedDict()
        self._digests: OrderedDict[bytes, Result | Future[Result]] = OrderedDict()
        self.before(before)

    def before(self, known: Iterable[tuple[bytes, Result]]) -> None:
        """Take over the lasting keys of an earlier process, oldest first."""
        self._keys.update(known)
        while len(self._keys) > KEPT_KEYS:
            self._keys.popitem(last=False)

    def find(self, key: Key) -> Future[Result] | None:
        """Return the future of a batch that had this key and didn't fail."""
        keys = self._keys if key.lasting else self._digests
        if not key.value or key.value not in keys:
            return None
        found = keys[key.value]
        if isinstance(found, Future):
            return None if found.done() and found.exception() else found
        future: Future[Result] = Future()
        future.set_result(found)
        return future

    def remember(self, key: Key, done: Future[Result]) -> None:
        """Remember a batch that is being written."""
        keys, most = (self._keys, KEPT_KEYS) if key.lasting else (self._digests, KEPT_DIGESTS)
        if key.value:
            keys[key.value] = done
            if len(keys) > most:
                keys.popitem(last=False)


def repetition_key(protocol: str, given: str, sent: bytes, *, timed: bool = True) -> Key:
    """Return by what a repeated request is recognised: the sender's idempotency key, else a digest of what it sent.

    Without a key, and without times of the sender's own, equal requests may well be different events.
    """
    if given:
        return Key(_digest(b"key", protocol.encode(), given.encode()), lasting=True)
    return Key(_digest(b"body", protocol.encode(), sent)) if timed else Key()


def _digest(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=KEY_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
