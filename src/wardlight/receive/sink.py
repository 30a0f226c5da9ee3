"""The one sink that all protocols feed: protected first; then audit events to the ledger, all else to the log store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wardlight.audit.event import Entry
from wardlight.audit.rows import entries_of
from wardlight.audit.trail import Trail
from wardlight.clock import Clock
from wardlight.problems import Problem
from wardlight.protect.protector import Protector
from wardlight.receive.assemble import Decoding, Ints, Mask
from wardlight.receive.books import Books
from wardlight.receive.together import Together
from wardlight.records import KINDS, Decoded, Protected
from wardlight.store.commit import GroupCommit
from wardlight.store.seen import Key, Submitted

_Part = Submitted[None] | Submitted[range]
_AUDIT = KINDS.index("audit")


@dataclass(frozen=True)
class Taken:
    """A request that was decoded."""

    protocol: str
    decoding: Decoding
    sent_bytes: int
    key: Key


@dataclass(frozen=True)
class _Handed:
    """What became of a request: of its audit records, of the others."""

    taken: Taken
    counts: Sequence[int]
    """Records of each kind."""
    parts: Sequence[_Part]

    def problem(self) -> Exception | None:
        """Return why it isn't on disk."""
        found = (part.done.exception() for part in self.parts)
        return next((problem for problem in found if isinstance(problem, Exception)), None)

    def repeated(self) -> bool:
        """Whether all of it was there before."""
        return all(part.repeated for part in self.parts)


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
        self._together: Together[Taken, Decoding] = Together(self.write)
        books.watch(commits)

    def admit(self) -> None:
        """Before a request is even read, raise Busy when the queue is full, Unavailable when the disk is."""
        self._room()
        self._commits.admit()

    async def accept(self, protocol: str, decoding: Decoding, sent_bytes: int, key: Key = Key()) -> None:
        """Return when every good record of a request is on disk; raises Busy, Unavailable or another problem.

        A request whose key was seen before is answered as the first one was, and not written again. If the ledger has
        its audit events and the store fails, or the other way round, the sender tries again and each recognises its
        part. What was begun is written even when the sender hangs up meanwhile.
        """
        await self._together.do(Taken(protocol, decoding, sent_bytes, key))

    def failed(self, protocol: str, problem: Problem) -> None:
        """Count a request that was not taken."""
        self._books.failed(protocol, problem)

    def write(self, lot: Sequence[Taken]) -> Awaitable[list[Decoding | Exception]]:
        """Protect the records of several requests at once; hand audit records to the ledger, the others to the store.

        Returns what `accept` tells of each, to be waited for.
        """
        for taken in lot:
            self._books.received(taken.protocol, taken.decoding, taken.sent_bytes)
        self._room()
        whole = self._protector.protect(_joined([taken.decoding for taken in lot]))
        kinds = _kinds(whole)
        requests = np.repeat(np.arange(len(lot)), [len(taken.decoding.records) for taken in lot])
        counts = np.bincount(requests * len(KINDS) + kinds, minlength=len(lot) * len(KINDS)).reshape(len(lot), -1)
        return self._written(self._handed_in(lot, whole, counts, kinds == _AUDIT))

    def _handed_in(self, lot: Sequence[Taken], whole: Protected, counts: Ints, audit: Mask) -> list[_Handed | Problem]:
        if not audit.any():
            parts = zip(counts.sum(axis=1).tolist(), (taken.key for taken in lot), strict=True)
            submitted = self._commits.submit_all(whole, list(parts))
            return [
                part if isinstance(part, Problem) else _Handed(taken, counted, [part])
                for taken, counted, part in zip(lot, counts.tolist(), submitted, strict=True)
            ]
        entries = iter(entries_of(Protected(whole.filter(pa.array(audit))), self._clock.now_ns()))
        rest = Protected(whole.filter(pa.array(~audit)))
        results: list[_Handed | Problem] = []
        before = 0
        for taken, counted in zip(lot, counts.tolist(), strict=True):
            accesses = counted[_AUDIT]
            others = Protected(rest.slice(before, sum(counted) - accesses))
            before += others.num_rows
            try:
                results.append(
                    _Handed(taken, counted, self._submit(list(islice(entries, accesses)), others, taken.key))
                )
            except Problem as problem:
                results.append(problem)
        return results

    def _submit(self, entries: Sequence[Entry], others: Protected, key: Key) -> list[_Part]:
        """Hand in the two parts of one request."""
        submitted: list[_Part] = [self._trail.submit(entries, key)] if entries else []
        if others.num_rows or not entries:
            submitted.append(self._commits.submit(others, key))
        return submitted

    async def _written(self, lot: Sequence[_Handed | Problem]) -> list[Decoding | Exception]:
        """Wait until all is on disk, and count it."""
        futures: set[Future[Any]] = {part.done for one in lot if isinstance(one, _Handed) for part in one.parts}
        # Shielded: a loop that ends would cancel what the journal is about to answer.
        await asyncio.shield(asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True))
        results: list[Decoding | Exception] = []
        accepted: dict[str, list[Sequence[int]]] = {}
        for one in lot:
            if isinstance(one, Problem):
                results.append(one)
                continue
            results.append(one.problem() or one.taken.decoding)
            if one.problem():
                continue
            if one.repeated():
                self._books.repeated(one.taken.protocol)
            else:
                accepted.setdefault(one.taken.protocol, []).append(one.counts)
        for protocol, counts in accepted.items():
            self._books.accepted(protocol, [sum(kind) for kind in zip(*counts, strict=True)])
        return results


def _joined(lot: Sequence[Decoding]) -> Decoded:
    """Join what requests hold; what was decoded together lies together already."""
    spans: list[tuple[Decoded, range]] = []
    for decoding in lot:
        whole, rows = decoding.whole, decoding.records
        if spans and spans[-1][0] is whole and spans[-1][1].stop == rows.start:
            rows = range(spans.pop()[1].start, rows.stop)
        spans.append((whole, rows))
    batches = [whole.slice(rows.start, len(rows)) for whole, rows in spans]
    return Decoded(batches[0] if len(batches) == 1 else pa.concat_batches(batches))


def _kinds(batch: Protected) -> npt.NDArray[np.int8]:
    # Kinds are numbered as in KINDS by whoever makes a batch (`assemble`).
    kinds: npt.NDArray[np.int8] = batch["kind"].indices.to_numpy(zero_copy_only=False)
    return kinds
