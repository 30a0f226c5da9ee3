"""The one sink that all protocols feed: audit events to the ledger, everything else to the log store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
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

Written = Submitted[None] | Submitted[range]

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
        self._mixed: Together[tuple[Decoded, Key], list[Written]] = Together(self._part)
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
        if _has_audit(decoding.batch):
            submitted = await self._mixed.do((decoding.batch, key))
        else:
            submitted = [self._commits.submit(decoding.batch, key)]
        # Written even when the sender hangs up meanwhile: half of its work is done already.
        await asyncio.shield(asyncio.gather(*(asyncio.wrap_future(one.done) for one in submitted)))
        if all(one.repeated for one in submitted):
            self._books.repeated(protocol)
        else:
            self._books.accepted(protocol, decoding)

    def failed(self, protocol: str, problem: Problem) -> None:
        """Count a request that was not taken."""
        self._books.failed(protocol, problem)

    def _part(self, lot: Sequence[tuple[Decoded, Key]]) -> list[list[Written] | Exception]:
        """Hand the audit records of several requests to the ledger, and the others to the store."""
        batches = [batch for batch, _ in lot]
        whole = batches[0] if len(batches) == 1 else Decoded(pa.concat_batches(batches))
        audit = _is_audit(whole)
        entries = iter(entries_of(Decoded(whole.filter(pa.array(audit))), self._clock.now_ns()))
        rest = whole.filter(pa.array(~audit))
        results: list[list[Written] | Exception] = []
        at = before = 0
        for batch, key in lot:
            accesses = int(audit[at : at + batch.num_rows].sum())
            others = Decoded(rest.slice(before, batch.num_rows - accesses))
            at, before = at + batch.num_rows, before + others.num_rows
            own = list(islice(entries, accesses))
            try:
                entered = self._trail.submit(own, key)
                results.append([entered, self._commits.submit(others, key)] if others.num_rows else [entered])
            except Problem as problem:
                results.append(problem)
        return results


def _has_audit(batch: Decoded) -> bool:
    return bool(_is_audit(batch).any())


def _is_audit(batch: Decoded) -> npt.NDArray[np.bool_]:
    # Kinds are numbered as in KINDS by whoever makes a batch (`assemble`).
    audit: npt.NDArray[np.bool_] = batch["kind"].indices.to_numpy(zero_copy_only=False) == _AUDIT
    return audit
