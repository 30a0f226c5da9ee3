"""The one sink that all protocols feed: protected first; then audit events to the ledger, all else to the log store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wardlight.audit.event import Entry
from wardlight.audit.rows import entries_of
from wardlight.audit.trail import Trail
from wardlight.clock import Clock
from wardlight.problems import Problem
from wardlight.protect.protector import Protector
from wardlight.receive.assemble import Decoding
from wardlight.receive.books import Books
from wardlight.receive.together import Together
from wardlight.records import KINDS, Decoded, Protected
from wardlight.store.commit import GroupCommit
from wardlight.store.seen import Key, Submitted

Written = Submitted[None] | Submitted[range]

_AUDIT = KINDS.index("audit")


class Sink:
    """Takes decoded requests to the ledger and the store, and keeps the books."""

    def __init__(
        self,
        protector: Protector,
        commits: GroupCommit,
        trail: Trail,
        books: Books,
        clock: Clock,
        *,
        room: Callable[[], None] = lambda: None,
    ) -> None:
        """`room` raises Unavailable while the disk has none."""
        self._protector = protector
        self._commits = commits
        self._trail = trail
        self._books = books
        self._clock = clock
        self._room = room
        self._together: Together[tuple[Decoded, Key], list[Written]] = Together(self._write)
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
        submitted = await self._together.do((decoding.batch, key))
        # Written even when the sender hangs up meanwhile: half of its work is done already.
        await asyncio.shield(asyncio.gather(*(asyncio.wrap_future(one.done) for one in submitted)))
        if all(one.repeated for one in submitted):
            self._books.repeated(protocol)
        else:
            self._books.accepted(protocol, decoding)

    def failed(self, protocol: str, problem: Problem) -> None:
        """Count a request that was not taken."""
        self._books.failed(protocol, problem)

    def _write(self, lot: Sequence[tuple[Decoded, Key]]) -> list[list[Written] | Exception]:
        """Protect the records of several requests at once; hand audit records to the ledger, the others to the store."""
        batches = [batch for batch, _ in lot]
        whole = self._protector.protect(batches[0] if len(batches) == 1 else Decoded(pa.concat_batches(batches)))
        audit = _is_audit(whole)
        entries: Iterator[Entry] = iter(())
        rest = whole
        if audit.any():
            entries = iter(entries_of(Protected(whole.filter(pa.array(audit))), self._clock.now_ns()))
            rest = Protected(whole.filter(pa.array(~audit)))
        results: list[list[Written] | Exception] = []
        at = before = 0
        for batch, key in lot:
            accesses = int(audit[at : at + batch.num_rows].sum())
            others = Protected(rest.slice(before, batch.num_rows - accesses))
            at, before = at + batch.num_rows, before + others.num_rows
            try:
                results.append(self._submit(list(islice(entries, accesses)), others, key))
            except Problem as problem:
                results.append(problem)
        return results

    def _submit(self, entries: Sequence[Entry], others: Protected, key: Key) -> list[Written]:
        """Hand in the two parts of one request."""
        submitted: list[Written] = [self._trail.submit(entries, key)] if entries else []
        if others.num_rows or not entries:
            submitted.append(self._commits.submit(others, key))
        return submitted


def _is_audit(batch: Protected) -> npt.NDArray[np.bool_]:
    # Kinds are numbered as in KINDS by whoever makes a batch (`assemble`).
    audit: npt.NDArray[np.bool_] = batch["kind"].indices.to_numpy(zero_copy_only=False) == _AUDIT
    return audit
