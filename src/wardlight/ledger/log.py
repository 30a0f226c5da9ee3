"""The ledger: an append-only log that outsiders can verify (C2SP tlog-tiles), on local files.

    <home>/key          the private key, made at the first start; readable by the owner only
    <home>/log/         what may be published: `checkpoint`, `vkey`, `tile/…` (`tree.py`)
    <home>/journal/     entries that were acknowledged and aren't published yet (`journal.py`)
    <home>/large/       events too large for an entry, by the digest in their entry (`leaf.py`)
    <home>/times        which size the log had when, by the hour
    <home>/lock         who owns it
    <home>/scratch/     files that are being written

Two threads. The first gathers what was submitted into one journal frame, syncs it and answers its senders: an entry has
its index, and is on disk. The second publishes what is in the journal: tiles, then the checkpoint. There is one point
at which an entry is in the log or isn't: the sync of its frame. What dies before it was never acknowledged; what dies
behind it is published by the next start, or by the next try, by the same function.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from wardlight.clock import Clock, moment
from wardlight.ledger.disk import Disk, Files, Lock
from wardlight.ledger.home import TOLERANCE_NS, Mark, Times, load_key
from wardlight.ledger.journal import Frame, Journal, Segment
from wardlight.ledger.leaf import leaf, unleaf
from wardlight.ledger.note import Checkpoint, Signer, split
from wardlight.ledger.tiles import MAX_ENTRY_BYTES
from wardlight.ledger.tree import CHECKPOINT, STAMPS, Tree
from wardlight.problems import Busy, NotFound, Problem, TooLarge, Unavailable

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long to wait for company."""

    publish_seconds: float = 0.5
    """Between checkpoints; a reader who needs one gets it at once."""
    retry_seconds: float = 1.0
    max_bytes: int = 128 * 1024 * 1024
    """Entries in memory that aren't published; beyond it senders are told to wait."""
    frame_entries: int = 50_000
    """Entries that one frame of the journal gathers, if more wait."""


@dataclass(frozen=True)
class _Waiting:
    entries: Sequence[bytes]
    size: int
    done: Future[range]


class Ledger:
    """The log in `directory`, everything private beside it. It opens at the first use, or by `open`.

    Every method raises Unavailable while it can't be opened: another owner, a key or a checkpoint that is missing or
    damaged, a disk that can't be written.
    """

    def __init__(
        self, directory: Path, origin: str, clock: Clock, *, disk: Disk | None = None, pace: Pace = Pace()
    ) -> None:
        self.directory = directory
        self._home = directory.parent
        self._origin = origin
        self._clock = clock
        self._disk = disk or Disk()
        self._pace = pace
        self._opening = threading.Lock()
        self._opened: _Open | None = None
        self._closed = False

    def open(self) -> None:
        """Take possession of the directory, recover, start the threads. Does nothing when that is done."""
        self._core()

    def start(self) -> None:
        """Open if that is possible; else the reason is logged, and told to everybody who uses the ledger."""
        try:
            self.open()
        except Problem as problem:
            _log.error("audit events are refused: %s", problem)

    @property
    def size(self) -> int:
        """How many entries there are, published or not."""
        return self._core().sequenced

    @property
    def vkey(self) -> str:
        """The key by which others check the log."""
        return self._core().signer.verifier.vkey

    @property
    def problem(self) -> str:
        """Why the log can't be opened, or publishing doesn't work at the moment; empty when all is well."""
        try:
            return self._core().problem
        except Problem as problem:
            return str(problem)

    def submit(self, entries: Sequence[bytes]) -> Future[range]:
        """Queue entries, which get neighbouring indices; the future has them when they are on disk, or the problem.

        Raises TooLarge, Busy, or Unavailable, which names the cause.
        """
        if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
            raise TooLarge(f"an entry of the ledger has at most {MAX_ENTRY_BYTES} bytes")
        return self._core().submit(entries)

    def append(self, entries: Sequence[bytes]) -> range:
        """Append entries; on return they are on disk, and their indices are told."""
        return self.submit(entries).result()

    def entry(self, event: bytes, salt: bytes) -> bytes:
        """Make an entry of an event; a large event is kept beside the log, on disk on return."""
        made = leaf(event, salt)
        if unleaf(made).event is None:
            self._core().keep(unleaf(made).digest, event)
        return made

    def event(self, entry: bytes) -> bytes:
        """Read the event of an entry that `entry` made. Raises NotFound, BadInput."""
        found = unleaf(entry)
        if found.event is not None:
            return found.event
        try:
            return found.must_be((self._home / "large" / found.digest.hex()).read_bytes())
        except FileNotFoundError:
            raise NotFound("the large event of this entry is missing beside the ledger") from None

    def read(self, first: int, count: int) -> list[bytes]:
        """Read entries, as many as there are. Raises NotFound for those that retention has removed."""
        tree = self._published()
        if first < tree.minimum:
            raise NotFound(f"entries below {tree.minimum} were removed under the retention policy")
        return [entry for _, entry in tree.entries(first, first + count)]

    def replay(self, from_index: int = 0) -> Iterator[tuple[int, bytes]]:
        """Read all entries from an index on, with theirs; those that were removed are left out."""
        tree = self._published()
        return tree.entries(from_index, tree.size)

    def checkpoint(self) -> str:
        """Return the signed checkpoint; it covers all that was acknowledged before, unless there is a `problem`."""
        return self._published().note

    def witnessed(self) -> str | None:
        """Return the newest checkpoint that a witness has cosigned."""
        return self._published().witnessed

    def inclusion(self, index: int) -> list[bytes]:
        """Prove that the log of the newest checkpoint has an entry at this index."""
        return self._published().inclusion(index)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the log of `new` entries begins with the one of `old`."""
        return self._published().consistency(old, new)

    def prove(self, index: int) -> str:
        """Prove an entry in a file of its own (tlog-proof@v1), by a witnessed checkpoint if one covers it."""
        return self._published().prove(index).text

    def cosign(self, text: str, lines: Sequence[str]) -> None:
        """Keep the signature lines of witnesses of the checkpoint that has this text."""
        try:
            self._core().tree.cosign(text, lines)
        except OSError as error:
            raise Unavailable(f"a cosignature can't be kept: {error.strerror}") from error

    def keep_stamp(self, note: str, stamp: bytes) -> None:
        """Keep a time stamp of a checkpoint beside it, in what is published."""
        size = Checkpoint.parse(split(note)[0]).size
        directory = self.directory / STAMPS
        files = {directory / f"{size}.checkpoint": note.encode(), directory / f"{size}.tsr": stamp}
        try:
            self._core().files.put(files)
        except OSError as error:
            raise Unavailable(f"a time stamp can't be kept: {error.strerror}") from error

    def prune(self, before_ns: int) -> int:
        """Remove entries that are older than a time, by whole bundles; return the lowest index that is left for sure.

        Only what a retention policy lets go may be asked for; legal holds are the caller's to respect.
        """
        core = self._core()
        try:
            minimum = core.tree.prune(core.times.size_before(before_ns), self._home / "large")
            core.times.forget(minimum)
        except OSError as error:
            raise Unavailable(f"the ledger can't be pruned: {error.strerror}") from error
        return minimum

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until what was acknowledged so far is published; False when that fails, or lasts longer."""
        return self._core().settle(seconds)

    def close(self) -> None:
        """Publish what waits, stop, let others in."""
        with self._opening:
            self._closed = True
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _published(self) -> Tree:
        core = self._core()
        core.settle(10.0)
        return core.tree

    def _core(self) -> _Open:
        with self._opening:
            if self._closed:
                raise Unavailable("the ledger is closed")
            if self._opened is None:
                try:
                    self._opened = _Open(self.directory, self._origin, self._clock, self._disk, self._pace)
                except OSError as error:
                    where = error.filename or self._home
                    raise Unavailable(f"the ledger can't be opened: {where}: {error.strerror}") from error
            return self._opened


class _Open:
    """A ledger that is open."""

    def __init__(self, directory: Path, origin: str, clock: Clock, disk: Disk, pace: Pace) -> None:
        self._clock = clock
        self._pace = pace
        self._large = directory.parent / "large"
        with ExitStack() as stack:
            self._own(directory, origin, disk, stack)
            self._resources = stack.pop_all()
        self.sequenced = self._published = self.tree.size
        self._latest_ns = self.times.latest_ns
        self.problem = ""
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._sealed: list[Segment] = []
        self._hungry = False
        self._readers = 0
        self._failures = 0
        self._closing = False
        self._appending = True
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("ledger-journal", self._append_all), ("ledger-publish", self._publish_all))
        ]
        for thread in self._threads:
            thread.start()

    def _own(self, directory: Path, origin: str, disk: Disk, stack: ExitStack) -> None:
        """Lock, read, recover."""
        home = directory.parent
        self.files = Files(disk, home)
        stack.callback(self.files.close)
        lock = Lock(home / "lock", f"the ledger in {home}")
        stack.callback(lock.release)
        self.files.clear()
        new = not (directory / CHECKPOINT).exists() and not (directory / "tile").exists()
        self.signer: Signer = load_key(home / "key", self.files, origin, new=new)
        self.times = Times(home / "times", self.files)
        self.tree = Tree(directory, self.signer, self.files)
        self.files.make(home / "journal")
        self._journal = Journal(home / "journal", disk)
        frames, segments = self._journal.recover(self.tree.size)
        if frames:
            self.tree.grow([entry for frame in frames for entry in frame.entries])
        self._journal.remove(segments)

    def submit(self, entries: Sequence[bytes]) -> Future[range]:
        done: Future[range] = Future()
        done.set_running_or_notify_cancel()  # Who waits for it may give up; the entries are written all the same.
        if not entries:
            done.set_result(range(0))
            return done
        size = sum(map(len, entries))
        with self._changed:
            if self._closing:
                raise Unavailable("the ledger is closing")
            self._check_clock()
            if self._bytes and self._bytes + size > self._pace.max_bytes:
                if self.problem:
                    raise Unavailable(self.problem)
                raise Busy(f"{self._bytes} bytes of audit events wait to be published; try again")
            self._bytes += size
            self._waiting.append(_Waiting(tuple(entries), size, done))
            self._changed.notify_all()
        return done

    def keep(self, digest: bytes, event: bytes) -> None:
        try:
            self.files.put({self._large / digest.hex(): event})
        except OSError as error:
            raise Unavailable(f"a large audit event can't be written: {error.strerror}") from error

    def settle(self, seconds: float) -> bool:
        with self._changed:
            target = self.sequenced
            if self._published >= target:
                return True
            self._readers += 1
            self._changed.notify_all()
            before = self._failures
            self._changed.wait_for(
                lambda: self._published >= target or self._closing or self._failures > before, seconds
            )
            self._readers -= 1
            return self._published >= target

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._resources.close()

    def _check_clock(self) -> None:
        """Refuse while the clock is behind what it said before. An operator's word, in another process, mends that."""
        now = self._clock.now_ns()
        if now < self._latest_ns - TOLERANCE_NS and self.times.reload():
            self._latest_ns = self.times.latest_ns
        if now < self._latest_ns - TOLERANCE_NS:
            raise Unavailable(
                f"the clock says {moment(now):%Y-%m-%d %H:%M:%S} UTC, but the ledger has entries of "
                f"{moment(self._latest_ns):%Y-%m-%d %H:%M:%S}: set it right, or say that it is by `wardlight ledger "
                "confirm-clock`"
            )
        self._latest_ns = max(self._latest_ns, now)

    # The journal's thread: it alone appends and seals.

    def _append_all(self) -> None:
        while self._wait_for_entries():
            if self._waiting:
                self._append(self._gather())
            if self._hungry:
                self._hand_over()
        with self._changed:
            self._sealed += self._journal.seal()
            self._appending = False
            self._changed.notify_all()

    def _wait_for_entries(self) -> bool:
        """Wait until entries wait to be written, or written ones to be published; False when closing and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing or self._hungry)
            return bool(self._waiting) or not self._closing

    def _gather(self) -> list[_Waiting]:
        with self._changed:
            group = [self._waiting.popleft()]
            count = len(group[0].entries)
            while self._waiting and count + len(self._waiting[0].entries) <= self._pace.frame_entries:
                group.append(self._waiting.popleft())
                count += len(group[-1].entries)
            return group

    def _append(self, group: Sequence[_Waiting]) -> None:
        """Write a group as one frame and answer its senders."""
        frame = Frame(self.sequenced, [entry for waiting in group for entry in waiting.entries])
        problem: Exception | None = None
        try:
            self._journal.append(frame)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the senders must hear of it
            known = isinstance(error, Problem)
            problem = error if known else Problem(f"writing to the ledger failed: {type(error).__name__}")
        with self._changed:
            if problem is None:
                self.sequenced = frame.end
            else:
                self._bytes -= sum(waiting.size for waiting in group)
            self._changed.notify_all()
        first = frame.first
        for waiting in group:
            if problem is None:
                waiting.done.set_result(range(first, first + len(waiting.entries)))
                first += len(waiting.entries)
            else:
                waiting.done.set_exception(problem)

    def _hand_over(self) -> None:
        """Give the publishing thread what was written."""
        sealed = self._journal.seal()
        with self._changed:
            self._sealed += sealed
            self._hungry = False
            self._changed.notify_all()

    # The publishing thread.

    def _publish_all(self) -> None:
        while self._wait_for_segments():
            try:
                self._publish(self._sealed)
            except Exception as error:  # noqa: BLE001 -- it must go on trying: entries are acknowledged
                reason = error.strerror if isinstance(error, OSError) else type(error).__name__
                _log.warning("publishing the ledger failed, trying again: %s", error)
                with self._changed:
                    self.problem = f"the ledger can't be published: {reason}"
                    self._failures += 1
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closing or self._readers, self._pace.retry_seconds)
                    if self._closing:
                        return  # It stays in the journal, for the next start.

    def _wait_for_segments(self) -> bool:
        """Wait until there is something to publish; False when closing and all is published."""
        due = time.monotonic() + self._pace.publish_seconds
        with self._changed:
            self._changed.wait_for(lambda: self._published < self.sequenced or self._sealed or not self._appending)
            pressing = self._pace.max_bytes // 4
            self._changed.wait_for(
                lambda: self._readers or self._closing or self._bytes > pressing, max(0.0, due - time.monotonic())
            )
            self._hungry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._hungry or not self._appending)
            return bool(self._sealed)

    def _publish(self, segments: list[Segment]) -> None:
        """Publish the frames of segments, and forget them. Raises OSError; then it is called again with them."""
        segments = list(segments)
        frames = [frame for segment in segments for frame in segment.frames]
        entries = [entry for frame in frames for entry in frame.entries if frame.first >= self.tree.size]
        if entries:
            self.tree.grow(entries)
        with self._changed:
            self._published = self.tree.size
            self.problem = ""
            self._changed.notify_all()
        self.times.note(Mark(self._latest_ns, self.tree.size))
        self._journal.remove(segments)
        with self._changed:
            del self._sealed[: len(segments)]
            self._bytes -= sum(len(entry) for frame in frames for entry in frame.entries)
            self._changed.notify_all()
