"""Group commit: requests gather for milliseconds, one fsync, then all are answered; the engine gets large inserts.

One thread gathers what was submitted into one journal frame and answers its senders. Two others insert journal segments
into the engine, by size, by age, or when a reader waits: a query sees everything that was acknowledged before it began
(`settle`). Two, because one insert keeps one core busy at most.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Protocol

import pyarrow as pa

from wardlight.problems import Busy, Problem, Unavailable
from wardlight.records import Protected
from wardlight.store import Limits, LogStore, Table, Where
from wardlight.store.dialect import by_partition
from wardlight.store.journal import DeadLetters, Journal, Segment
from wardlight.store.params import Param
from wardlight.store.seen import KEY_BYTES, Key, Seen, Submitted

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_NOTHING: Future[None] = Future()
"""Of a request without records."""
_NOTHING.set_result(None)


@dataclass(frozen=True)
class Commit:
    """What was written where, for counters."""

    stage: str
    """`journal` or `engine`."""
    rows: int
    seconds: float
    failed: bool


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long to wait for company."""

    gather_seconds: float = 0.005
    """A frame of the journal."""
    gather_rows: int = 50_000
    flush_seconds: float = 2.0
    """An insert into the engine."""
    flush_rows: int = 100_000
    settle_seconds: float = 0.2
    """Shortest time between inserts that readers ask for."""
    max_bytes: int = 256 * 1024 * 1024
    """Records in memory; beyond it senders are told to wait."""


_FEW_ROWS = 1000
"""Batches of fewer rows are joined: the engine's side has some work for each, whatever its size."""


@dataclass(frozen=True)
class _Waiting:
    batches: Sequence[Protected]
    rows: int
    size: int
    keys: Sequence[bytes]
    """Those that last."""
    done: Future[None]


@dataclass(frozen=True, eq=False)
class _Going:
    """A segment on its way into the engine."""

    segment: Segment
    """Without its batches from when the engine's side has them: what is needed again is in the file."""
    rows: int
    size: int
    since: float
    """Its oldest record was acknowledged then."""
    before: int
    """Frames that were taken before it."""


class GroupCommit:
    """Takes batches; each one's future is done when it is on disk."""

    def __init__(
        self,
        store: LogStore,
        journal: Journal,
        pace: Pace = Pace(),
        told: Callable[[Commit], None] = lambda _commit: None,
    ) -> None:
        self._store = store
        self._journal = journal
        self._pace = pace
        self._told = told
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = 0
        self._unflushed_rows = 0
        """Written, and not on their way into the engine yet."""
        self._oldest = time.monotonic()
        """When the first of these was written."""
        self._going: list[_Going] = []
        """In the order in which they were taken."""
        self._bytes = 0
        self._written = 0
        """Frames."""
        self._taken = 0
        """Frames, of these."""
        self._readers = 0
        self._closing = False
        self._appending = True
        self._seen: Seen[None] = Seen(dict.fromkeys(journal.keys()).items())
        self._taking = threading.Lock()
        self._due: deque[Segment] = deque(self._recovered())
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("journal", self._append_all), ("flush", self._flush_all), ("flush", self._flush_all))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def queued_bytes(self) -> int:
        """Memory of the batches that the engine doesn't have yet."""
        return self._bytes

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest acknowledged record that the engine doesn't have yet."""
        with self._changed:
            if not self._going and not self._unflushed_rows:
                return 0.0
            return time.monotonic() - (self._going[0].since if self._going else self._oldest)

    def admit(self) -> None:
        """Raise Busy if nothing more can be queued now."""
        if self._bytes >= self._pace.max_bytes:
            raise self._busy()

    def _busy(self) -> Busy:
        return Busy(f"{self._bytes} bytes of records wait to be written (receive.max_queue_bytes); try again")

    def submit(self, batch: Protected, key: Key = Key()) -> Submitted[None]:
        """Queue a batch; a key that was seen before brings the future of the batch that had it."""
        (submitted,) = self.submit_all(batch, [(batch.num_rows, key)])
        if isinstance(submitted, Problem):
            raise submitted
        return submitted

    def submit_all(self, batch: Protected, parts: Sequence[tuple[int, Key]]) -> list[Submitted[None] | Problem]:
        """Queue a batch of which each request has so many rows, one behind the other, and a key of its own.

        What is new among them shares a future. Returns for each what `submit` would, or its problem.
        """
        results: list[Submitted[None] | Problem] = []
        new: list[range] = []
        keys: list[bytes] = []
        done: Future[None] = Future()
        size, start = batch.nbytes, 0
        with self._changed:
            room = self._pace.max_bytes - self._bytes if self._bytes else max(self._pace.max_bytes, size)
            for rows, key in parts:
                taken = range(start, start + rows)
                start = taken.stop
                known = self._seen.find(key)
                if known is not None:
                    results.append(Submitted(known, repeated=True))
                elif not rows:
                    results.append(Submitted(_NOTHING))
                elif self._closing:
                    results.append(Unavailable("the log store is closing"))
                elif (room := room - size * rows / batch.num_rows) < 0:
                    results.append(self._busy())
                else:
                    results.append(Submitted(done))
                    new.append(taken)
                    keys += [key.value] * key.lasting
                    self._seen.remember(key, done)
            if new:
                self._queue(_slices(batch, new), keys, done)
        return results

    def _queue(self, batches: Sequence[Protected], keys: Sequence[bytes], done: Future[None]) -> None:
        rows, size = sum(batch.num_rows for batch in batches), sum(batch.nbytes for batch in batches)
        self._waiting.append(_Waiting(batches, rows, size, keys, done))
        self._waiting_rows += rows
        self._bytes += size
        self._changed.notify_all()

    def settle(self, seconds: float = 5.0) -> bool:
        """Wait until the engine has what was acknowledged so far; False when it hasn't after `seconds`."""
        with self._changed:
            target = self._written
            if self._flushed() >= target:
                return True
            self._readers += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._flushed() >= target or self._closing, seconds)
            self._readers -= 1
            return self._flushed() >= target

    def dead_letters(self) -> list[DeadLetters]:
        """List acknowledged records that the engine refused, oldest first."""
        return self._journal.dead_letters()

    def replay(self, name: str) -> int:
        """Offer dead letters to the engine once more; returns how many records they are. Raises NotFound, Busy.

        Under keys of their own: should we die before they are forgotten, replaying them again writes nothing twice.
        """
        segment = self._journal.read_dead(name)
        for at, batch in enumerate(segment.batches):
            key = blake2b(f"dead:{name}:{at}".encode(), digest_size=KEY_BYTES).digest()
            self.submit(batch, Key(key, lasting=True)).done.result()
        self._journal.forget_dead(name)
        return segment.rows

    def close(self) -> None:
        """Write what waits, insert what is written, stop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _recovered(self) -> list[Segment]:
        """Take over what an earlier process had acknowledged; it is the first that the engine gets."""
        left = self._journal.recover()
        for segment in left:
            self._seen.before(dict.fromkeys(segment.keys).items())
            self._written += len(segment.batches)
            self._unflushed_rows += segment.rows
            self._bytes += segment.nbytes
            if segment.damaged_bytes:
                _log.warning("%s: left out %d bytes of an unfinished write", segment.path, segment.damaged_bytes)
        return left

    # The journal's thread.

    def _append_all(self) -> None:
        while group := self._gather():
            self._append(group)
        with self._changed:
            self._appending = False
            self._changed.notify_all()

    def _gather(self) -> list[_Waiting]:
        """Wait for a first batch, then for company; empty when closing and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._changed.wait_for(
                lambda: self._waiting_rows >= self._pace.gather_rows or self._closing, self._pace.gather_seconds
            )
            group: list[_Waiting] = []
            rows = 0
            while self._waiting and (not group or rows + self._waiting[0].rows <= self._pace.gather_rows):
                group.append(self._waiting.popleft())
                rows += group[-1].rows
            self._waiting_rows -= rows
            return group

    def _append(self, group: Sequence[_Waiting]) -> None:
        """Write a group as one frame and answer its senders."""
        start = time.monotonic()
        problem: Exception | None = None
        rows = sum(item.rows for item in group)
        batches = _joined([batch for item in group for batch in item.batches], rows)
        try:
            self._journal.append(batches, [key for item in group for key in item.keys])
            self._journal.close_full(self._pace.flush_rows)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the senders must hear of it
            known = isinstance(error, Problem)
            problem = error if known else Problem(f"writing to the log store failed: {type(error).__name__}")
        self._told(Commit("journal", rows, time.monotonic() - start, problem is not None))
        with self._changed:
            self._bytes -= sum(item.size for item in group)
            if problem is None:
                self._bytes += sum(batch.nbytes for batch in batches)
                self._oldest = self._oldest if self._unflushed_rows else start
                self._unflushed_rows += rows
                self._written += len(batches)
                self._changed.notify_all()
        for item in group:
            if problem is None:
                item.done.set_result(None)
            else:
                item.done.set_exception(problem)

    # The engine's threads.

    def _flush_all(self) -> None:
        while going := self._next():
            self._insert(going)
            with self._changed:
                self._going.remove(going)
                self._bytes -= going.size
                self._changed.notify_all()

    def _next(self) -> _Going | None:
        """Wait until an insert is due and take it; None when all is taken and closing."""
        with self._taking:
            while not self._due:
                if not self._wait_for_work():
                    return None
                # Full segments go alone, so that none is larger; unless somebody waits for the rest.
                full = [] if self._readers or self._closing else self._journal.full()
                self._due.extend(full or self._journal.seal())
            segment = self._due.popleft()
            with self._changed:
                going = _Going(segment, segment.rows, segment.nbytes, self._oldest, self._taken)
                self._going.append(going)
                # What was sealed before its thread has counted it is counted later.
                self._taken += len(segment.batches)
                self._unflushed_rows -= going.rows
                self._oldest = time.monotonic()
            return going

    def _flushed(self) -> int:
        """Count the frames that the engine has, up to the first that it hasn't."""
        return self._going[0].before if self._going else self._taken

    def _wait_for_work(self) -> bool:
        """Wait until an insert is due; False when all is taken and closing."""
        with self._changed:
            while True:
                if self._unflushed_rows > 0:
                    wait = self._pace.settle_seconds if self._readers else self._pace.flush_seconds
                    left = self._oldest + wait - time.monotonic()
                    if left <= 0 or self._unflushed_rows >= self._pace.flush_rows or self._closing:
                        return True
                    self._changed.wait(left)
                elif not self._appending:
                    return False
                else:
                    self._changed.wait()

    def _insert(self, going: _Going) -> None:
        """Insert a segment, for as long as it takes; what the engine can't take at all becomes dead letters."""
        start = time.monotonic()
        while True:
            try:
                self._insert_or_set_aside(going)
                self._journal.remove(going.segment)
                break
            except (Unavailable, OSError) as problem:
                _log.warning("inserting %d records failed, trying again: %s", going.rows, problem)
                self._told(Commit("engine", going.rows, time.monotonic() - start, failed=True))
                with self._changed:
                    if self._changed.wait_for(lambda: self._closing, _RETRY_SECONDS):
                        return  # It stays in the journal, for the next start.
        self._told(Commit("engine", going.rows, time.monotonic() - start, failed=False))

    def _insert_or_set_aside(self, going: _Going) -> None:
        """Insert a segment whole; if the engine refuses it, what can be inserted of it.

        A partition is written whole or not at all, under a token of its own: what the first try wrote isn't written
        again, and a partition that was refused can be tried batch by batch.
        """
        token = going.segment.token
        try:
            self._store.insert(self._batches(going), token=token)
        except (Unavailable, OSError):
            raise
        except Exception:  # noqa: BLE001 -- records that break the engine must not stop the others
            _log.exception("the engine refuses some of %d records", going.rows)
        else:
            return
        refused: list[Protected] = []
        for part in by_partition(self._batches(going)).values():
            if self._refused(part, token):
                refused += [batch for at, batch in enumerate(part) if self._refused([batch], f"{token}.{at}")]
        if refused:
            self._set_aside(going.segment, refused)

    def _batches(self, going: _Going) -> Iterator[Protected]:
        """Hand out a segment's batches, always in the same order, and let go of each; those that are gone are read again."""
        if sum(batch.num_rows for batch in going.segment.batches) < going.rows:
            going.segment.batches = self._journal.read(going.segment.path, going.rows)
        while going.segment.batches:
            yield going.segment.batches.pop(0)

    def _refused(self, batches: Sequence[Protected], token: str) -> bool:
        try:
            self._store.insert(batches, token=token)
        except (Unavailable, OSError):
            raise
        except Exception:  # noqa: BLE001 -- the same
            return True
        return False

    def _set_aside(self, segment: Segment, refused: Sequence[Protected]) -> None:
        removed = self._journal.set_aside(segment, refused)
        rows = sum(batch.num_rows for batch in refused)
        self._told(Commit("dead", rows, 0.0, failed=True))
        _log.error("%d records that the engine refuses are dead letters %s", rows, segment.token)
        for letters in removed:
            self._told(Commit("removed", letters.records, 0.0, failed=True))
            _log.error("dead letters %s, the oldest, were removed: %d records", letters.name, letters.records)


def _slices(batch: Protected, rows: Sequence[range]) -> list[Protected]:
    """Take these rows, those that lie together in one piece."""
    ends = [at for at, (one, other) in enumerate(pairwise(rows), 1) if one.stop != other.start]
    spans = [(rows[first].start, rows[last - 1].stop) for first, last in pairwise([0, *ends, len(rows)])]
    return [Protected(batch.slice(start, stop - start)) for start, stop in spans]


def _joined(batches: list[Protected], rows: int) -> list[Protected]:
    """Join batches that are small; large ones aren't worth copying."""
    small = len(batches) > 1 and rows < len(batches) * _FEW_ROWS
    return [Protected(pa.concat_batches(batches))] if small else batches


class Settling(Protocol):
    """A way into the engine that is behind what was acknowledged."""

    def settle(self, seconds: float = 5.0) -> bool:
        """Wait until the engine has what was acknowledged so far; False when it hasn't after `seconds`."""
        ...


class Fresh:
    """A store whose queries see everything that was acknowledged before they began."""

    def __init__(self, store: LogStore, *ways: Settling) -> None:
        self._store = store
        self._ways = ways

    @property
    def where(self) -> Where:
        """Where the engine's records lie."""
        return self._store.where

    def insert(self, batches: Iterable[Protected], token: str = "", table: Table = "logs") -> None:
        """Write batches straight to the engine."""
        self._store.insert(batches, token, table)

    def select(
        self, sql: str, params: Mapping[str, Param] | None = None, *, limits: Limits = Limits(), tag: str = ""
    ) -> pa.Table:
        """Wait for what was acknowledged, then ask the engine."""
        for way in self._ways:
            way.settle()
        return self._store.select(sql, params, limits=limits, tag=tag)

    def cancel(self, tag: str) -> None:
        """Stop the running queries that carry this tag."""
        self._store.cancel(tag)

    def manage(self, statement: str, params: Mapping[str, Param] | None = None) -> None:
        """Run one administrative statement."""
        self._store.manage(statement, params)

    def paused(self) -> AbstractContextManager[None]:
        """Hold inserts back while inside; the journal goes on taking records."""
        return self._store.paused()

    def close(self) -> None:
        """Close the engine."""
        self._store.close()
