"""The one sink that all protocols feed: audit events to the ledger, everything else to the log store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

import pyarrow as pa

from wardlight.audit.rows import entries_of
from wardlight.audit.trail import Trail
from wardlight.clock import Clock
from wardlight.problems import Problem
from wardlight.receive.assemble import Decoding
from wardlight.receive.books import Books
from wardlight.receive.together import Together
from wardlight.records import KINDS, Decoded
from wardlight.store.commit import GroupCommit
from wardlight.store.seen import Key, Submitted

_AUDIT = KINDS.index("audit")


class Sink:
    """Takes decoded requests to the ledger and the store, and keeps the books."""

    def __init__(
        self, commits: GroupCommit, trail: Trail, books: Books, clock: Clock, room: Callable[[], None] = lambda: None
    ) -> None:
        """`room` raises Unavailable while the disk has none."""
        self._commits = commits
        self._trail = trail
        self._books = books
        self._clock = clock
        self._room = room
        self._audit: Together[tuple[Decoded, Key], Submitted[range]] = Together(self._enter)
        books.watch(commits)

    def admit(self) -> None:
        """Before a request is even read, raise Busy when the queue is full, Unavailable when the disk is."""
        self._room()
        self._commits.admit()

    async def accept(self, protocol: str, decoding: Decoding, sent_bytes: int, key: Key = Key()) -> None:
        """Return when every good record of a request is on disk; raises Busy, Unavailable or another problem.

        A request whose key was seen before is answered as the first one was, and not written again. If the ledger has
        its audit events and the store fails, or the other way round, the sender tries again and each recognises its
        part.
        """
        self._books.received(protocol, decoding, sent_bytes)
        self._room()
        audit, rest = _parted(decoding.batch)
        submitted: list[Submitted[None] | Submitted[range]] = []
        if audit is not None:
            submitted.append(await self._audit.do((audit, key)))
        if rest is not None:
            submitted.append(self._commits.submit(rest, key))
        # Written even when the sender hangs up meanwhile: half of its work is done already.
        await asyncio.shield(asyncio.gather(*(asyncio.wrap_future(one.done) for one in submitted)))
        if submitted and all(one.repeated for one in submitted):
            self._books.repeated(protocol)
        else:
            self._books.accepted(protocol, decoding)

    def failed(self, protocol: str, problem: Problem) -> None:
        """Count a request that was not taken."""
        self._books.failed(protocol, problem)

    def _enter(self, lot: Sequence[tuple[Decoded, Key]]) -> list[Submitted[range] | Exception]:
        """Hand the audit records of several requests to the ledger."""
        batches = [batch for batch, _ in lot]
        whole = batches[0] if len(batches) == 1 else Decoded(pa.concat_batches(batches))
        entries = iter(entries_of(whole, self._clock.now_ns()))
        results: list[Submitted[range] | Exception] = []
        for batch, key in lot:
            own = list(islice(entries, batch.num_rows))
            try:
                results.append(self._trail.submit(own, key))
            except Problem as problem:
                results.append(problem)
        return results


def _parted(batch: Decoded) -> tuple[Decoded | None, Decoded | None]:
    """Part a batch into its audit records and the others; None where there are none."""
    # Kinds are numbered as in KINDS by whoever makes a batch (`assemble`).
    audit = batch["kind"].indices.to_numpy(zero_copy_only=False) == _AUDIT
    if not audit.any():
        return None, batch
    if audit.all():
        return batch, None
    return Decoded(batch.filter(pa.array(audit))), Decoded(batch.filter(pa.array(~audit)))
