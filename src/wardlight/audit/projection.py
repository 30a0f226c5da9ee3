"""The projection: what the ledger holds as rows of the engine, so that it can be asked for.

One thread reads the ledger on from where it was, and writes batches of at most `MOST` neighbouring entries, one after the
other, each first to `logs` and then to `audit`, there partition by partition. It remembers nothing: the ledger is the
truth, and how far a process came is read off the tables. If it dies

- before a batch is written: `audit` has no gap among its newest `MOST` indices; the next start goes on behind them;
- while a batch is written to `logs`: `audit` doesn't show it. Behind the highest index of `audit` the next start asks
  `logs` too which entries it has, until `MOST` entries in a row were missing: no batch reaches further;
- while it is written to `audit`: the months that are missing are a gap, or behind the highest index. The next start
  looks at the newest `MOST` indices of `audit` again and writes what is missing.

While the process lives, a batch whose insert failed is tried again as it was under the same tokens, since the engine
may have written it nevertheless; tokens are of one run only.

An engine that is away is waited for. What it refuses is narrowed down by halves; the entries that are left are named in
the log and counted, and don't stop the others: `rebuild` offers them again. An entry that can't be read is projected as
raw, with the deviation `unreadable`. If `audit` has indices that the ledger hasn't, the ledger is an older one, or
another: then nothing is projected until somebody looks, and `rebuild` is called.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from wardlight.audit.event import AuditEvent, Entry, decode
from wardlight.audit.table import recorded_ns
from wardlight.audit.tables import Top, remove_all, top
from wardlight.audit.writer import MOST, Numbered, Writer
from wardlight.ledger import Ledger
from wardlight.problems import BadInput, NotFound, Problem, Unavailable
from wardlight.store import LogStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long to wait for company."""

    flush_seconds: float = 2.0
    settle_seconds: float = 0.2
    """Shortest time between batches that readers ask for."""
    retry_seconds: float = 1.0
    batch_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the projection is: of `size` entries `done`; and why it doesn't go on, if it is stopped."""

    done: int
    size: int
    problem: str = ""


class Projection:
    """Projects the ledger, in a thread, from `start` to `close`.

    `since_ns` says from when on events are projected, by the time at which they were recorded.
    """

    def __init__(
        self, ledger: Ledger, store: LogStore, registry: CollectorRegistry, *,
        since_ns: Callable[[], int] = lambda: 0, pace: Pace = Pace(),
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._store = store
        self._since_ns = since_ns
        self._pace = pace
        self._changed = threading.Condition()
        self._closing = False
        self._rebuilding = False
        self._readers = 0
        self._begun = False
        self._done = 0
        self._received = 0
        self._last = 0.0
        self._problem = ""
        self._batch: tuple[Numbered, int] | None = None
        self._thread = threading.Thread(target=self._run, name="projection", daemon=True)
        self._count(registry)
        self._writer = Writer(store, lambda name, count: self._refused.labels(name).inc(count))

    def start(self) -> None:
        """Begin to project."""
        self._thread.start()

    def close(self) -> None:
        """Finish the insert that runs, and stop; what isn't projected yet, the next start projects."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def settle(self, seconds: float = 5.0) -> bool:
        """Wait until the engine has what the ledger has acknowledged so far; False when it hasn't after `seconds`."""
        try:
            target = self._ledger.size
        except Unavailable:
            return False
        with self._changed:
            self._readers += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._reached(target) or self._closing or self._problem, seconds)
            self._readers -= 1
            return self._reached(target)

    def progress(self) -> Progress:
        """Say how far it is. Raises Unavailable while the ledger is."""
        with self._changed:
            done = 0 if self._rebuilding or not self._begun else self._done
            return Progress(done=done, size=self._ledger.size, problem=self._problem)

    def rebuild(self) -> None:
        """Begin to remove everything from the tables and to project the whole ledger again; `progress` tells the rest."""
        with self._changed:
            self._rebuilding = True
            self._problem = ""
            self._changed.notify_all()

    def _reached(self, target: int) -> bool:
        return self._begun and not self._rebuilding and self._done >= target

    def _count(self, registry: CollectorRegistry) -> None:
        name = "wardlight_audit_projection"
        self._projected = Counter(f"{name}_entries", "Audit events written to the engine.", registry=registry)
        self._refused = Counter(
            f"{name}_refused", "Audit events that the engine refuses.", ["table"], registry=registry
        )
        self._failures = Counter(f"{name}_failures", "Tries to project that failed.", registry=registry)
        lag = Gauge(f"{name}_lag_entries", "Audit events of the ledger not in the engine.", registry=registry)
        lag.set_function(self._lag)
        stopped = Gauge(f"{name}_stopped", "1 while tables and ledger don't belong together.", registry=registry)
        stopped.set_function(lambda: float(bool(self._problem)))
        for table in ("logs", "audit"):
            self._refused.labels(table)

    def _lag(self) -> float:
        try:
            found = self.progress()
        except Unavailable:
            return float("nan")
        return found.size - found.done

    # The thread.

    def _run(self) -> None:
        said = ""
        while not self._closing:
            try:
                self._go_on()
                said = ""
            except Exception as problem:  # noqa: BLE001 -- it must go on trying: entries are acknowledged
                if str(problem) != said:
                    known = isinstance(problem, Problem | OSError)
                    _log.warning("projecting the ledger failed, trying again: %s", problem, exc_info=not known)
                    said = str(problem)
                self._failures.inc()
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, self._pace.retry_seconds)

    def _go_on(self) -> None:
        """Do what is due."""
        if self._rebuilding:
            self._begin_again()
        elif not self._begun:
            self._begin()
        elif self._is_due():
            if self._batch is None:
                self._batch = self._read()
            entries, end = self._batch
            if entries:
                self._projected.inc(self._writer.write(entries))
            self._batch = None
            self._advance(end)

    def _begin(self) -> None:
        """Find where to go on."""
        found, size = top(self._store, MOST), self._ledger.size
        self._received = found.received
        ahead = found.end > size
        if ahead:
            _log.error("the audit trail isn't projected: %s", _not_ours(found, size))
        self._writer.start(empty=False)
        with self._changed:
            self._problem = _not_ours(found, size) if ahead and not self._rebuilding else ""
            self._done = found.end if found.whole else max(0, found.end - MOST)
            self._begun = True
            self._changed.notify_all()

    def _begin_again(self) -> None:
        """Empty the tables. Dying within, the next start finds in `logs` what is still there."""
        remove_all(self._store)
        self._batch = None
        self._writer.start(empty=True)
        with self._changed:
            self._done = 0
            self._begun = True
            self._rebuilding = False

    def _is_due(self) -> bool:
        """Wait until there are entries to project; False when there is something else to do."""
        with self._changed:
            while not (self._closing or self._rebuilding):
                waiting = 0 if self._problem else self._ledger.size - self._done
                pause = self._pace.settle_seconds if self._readers else self._pace.flush_seconds
                left = self._last + pause - time.monotonic()
                if waiting >= MOST or (waiting and left <= 0):
                    return True
                self._changed.wait(left if left > 0 else self._pace.flush_seconds)
        return False

    def _advance(self, end: int) -> None:
        with self._changed:
            if not self._rebuilding:
                self._done = end
            self._last = time.monotonic()
            self._changed.notify_all()

    def _read(self) -> tuple[Numbered, int]:
        """Read a batch, and where it ends; entries that retention has removed are left out. Raises Unavailable."""
        entries: list[tuple[int, Entry]] = []
        end = self._done
        size, left = self._ledger.size, self._pace.batch_bytes
        for index, leaf in self._ledger.replay(end):
            entry, length = self._decoded(leaf)
            entries.append((index, entry))
            end, left = index + 1, left - length
            if len(entries) == MOST or left <= 0 or end - self._done >= MOST:
                break
        if not entries:
            if not self._removed(size - 1):
                raise Unavailable("the ledger isn't published yet")
            end = size
        since = self._since_ns()
        return [one for one in entries if recorded_ns(one[1]) >= since], end

    def _decoded(self, leaf: bytes) -> tuple[Entry, int]:
        """Read an entry; also its size."""
        event = b""
        try:
            event = self._ledger.event(leaf)
            entry = decode(event)
        except (BadInput, NotFound):
            entry = Entry(
                received=self._received, format="raw", event=AuditEvent(), deviation=["unreadable"],
                original=event.decode("latin-1"),
            )  # fmt: skip
        self._received = entry.received
        return entry, max(len(event), len(leaf))

    def _removed(self, index: int) -> bool:
        try:
            self._ledger.read(index, 1)
        except NotFound:
            return True
        return False


def _not_ours(found: Top, size: int) -> str:
    return (
        f"the table has entries up to {found.end - 1}, but the ledger has only {size}: an older ledger was restored, or "
        "another. If it is the right one, `wardlight ledger replay` makes the table anew"
    )
