"""The one sink that all protocols feed."""

from __future__ import annotations

import asyncio

from wardlight.problems import Problem
from wardlight.receive.assemble import Decoding
from wardlight.receive.books import Books
from wardlight.store.commit import GroupCommit


class Sink:
    """Takes decoded requests to the store and keeps the books."""

    def __init__(self, commits: GroupCommit, books: Books) -> None:
        self._commits = commits
        self._books = books
        books.watch(commits)

    async def accept(self, protocol: str, decoding: Decoding, sent_bytes: int, key: bytes = b"") -> None:
        """Return when every good record of a request is on disk; raises Busy, Unavailable or another problem.

        A request whose key was seen before is answered as the first one was, and not written again.
        """
        self._books.received(protocol, decoding, sent_bytes)
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
