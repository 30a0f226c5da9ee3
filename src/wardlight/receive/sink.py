"""The one sink that all protocols feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b

from wardlight.problems import Problem
from wardlight.receive.assemble import Decoding
from wardlight.receive.books import Books
from wardlight.store.commit import GroupCommit, Key
from wardlight.store.journal import KEY_BYTES


def repetition_key(protocol: str, given: str, sent: bytes, *, timed: bool) -> Key:
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


class Sink:
    """Takes decoded requests to the store and keeps the books."""

    def __init__(self, commits: GroupCommit, books: Books, room: Callable[[], None] = lambda: None) -> None:
        """`room` raises Unavailable while the disk has none."""
        self._commits = commits
        self._books = books
        self._room = room
        books.watch(commits)

    def admit(self) -> None:
        """Before a request is even read, raise Busy when the queue is full, Unavailable when the disk is."""
        self._room()
        self._commits.admit()

    async def accept(self, protocol: str, decoding: Decoding, sent_bytes: int, key: Key = Key()) -> None:
        """Return when every good record of a request is on disk; raises Busy, Unavailable or another problem.

        A request whose key was seen before is answered as the first one was, and not written again.
        """
        self._books.received(protocol, decoding, sent_bytes)
        self._room()
        submitted = self._commits.submit(decoding.batch, key)
        # Written even when the sender hangs up meanwhile: half of its work is done already.
        await asyncio.shield(asyncio.wrap_future(submitted.done))
        if submitted.repeated:
            self._books.repeated(protocol)
        else:
            self._books.accepted(protocol, decoding)

    def failed(self, protocol: str, problem: Problem) -> None:
        """Count a request that was not taken."""
        self._books.failed(protocol, problem)
