"""Group commit: requests gather for a few milliseconds, one insert and one fsync, then all of them are answered."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import pyarrow as pa

from wardlight.problems import Busy, Problem, Unavailable
from wardlight.records import Decoded
from wardlight.store import LogStore


@dataclass(frozen=True)
class Commit:
    """What one commit was, for counters."""

    rows: int
    seconds: float
    failed: bool


@dataclass(frozen=True)
class _Waiting:
    batch: Decoded
    done: Future[None]


class GroupCommit:
    """Writes batches to a store from one thread, several at a time.

    Memory is bounded by `max_bytes` of waiting batches: beyond it `submit` raises Busy. A batch that a store refuses is
    tried again alone, so that it can't fail its neighbours.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        rows: int = 50_000,
        seconds: float = 0.02,
        max_bytes: int = 256 * 1024 * 1024,
        told: Callable[[Commit], None] = lambda _commit: None,
    ) -> None:
        self._store = store
        self._rows = rows
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._told = told
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = 0
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        """Memory of the batches that wait or are being written."""
        return self._bytes

    def submit(self, batch: Decoded) -> Future[None]:
        """Queue a batch; the future is done when it is on disk, or has the store's problem."""
        done: Future[None] = Future()
        if batch.num_rows == 0:
            done.set_result(None)
            return done
        size = batch.nbytes
        with self._changed:
            if self._closed:
                raise Unavailable("the log store is closing")
            if self._bytes and self._bytes + size > self._max_bytes:
                raise Busy(f"{self._bytes} bytes of records wait to be written (receive.max_queue_bytes); try again")
            self._waiting.append(_Waiting(batch, done))
            self._bytes += size
            self._waiting_rows += batch.num_rows
            self._changed.notify()
        return done

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._gather():
            self._write(group)
            with self._changed:
                self._bytes -= sum(item.batch.nbytes for item in group)

    def _gather(self) -> list[_Waiting]:
        """Wait for a first batch, then for company; empty when closed and nothing is left."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            until = time.monotonic() + self._seconds
            while self._waiting_rows < self._rows and not self._closed:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            group: list[_Waiting] = []
            rows = 0
            while self._waiting and (not group or rows + self._waiting[0].batch.num_rows <= self._rows):
                group.append(self._waiting.popleft())
                rows += group[-1].batch.num_rows
            self._waiting_rows -= rows
            return group

    def _write(self, group: Sequence[_Waiting]) -> None:
        """Write a group as one batch; if that fails, each alone. The store has fsynced before anybody is told."""
        try:
            self._insert(pa.concat_batches([item.batch for item in group]) if len(group) > 1 else group[0].batch)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the senders must hear of it
            if len(group) > 1 and not isinstance(error, Unavailable):
                for item in group:
                    self._write([item])
                return
            known = isinstance(error, Problem)
            problem = error if known else Problem(f"writing to the log store failed: {type(error).__name__}")
            for item in group:
                item.done.set_exception(problem)
        else:
            for item in group:
                item.done.set_result(None)

    def _insert(self, batch: Decoded) -> None:
        start = time.monotonic()
        failed = True
        try:
            self._store.insert(batch)
            failed = False
        finally:
            self._told(Commit(batch.num_rows, time.monotonic() - start, failed))
