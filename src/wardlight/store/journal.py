"""The write-ahead journal: records are in a file before a sender is answered, and reach the engine in large inserts.

A directory of segments. Each group of requests is one frame appended to the open segment and fdatasynced:

    magic "WLJ1" | crc32 of the rest | length of the rest, 8 bytes | number of keys | keys, 16 bytes each | Arrow IPC

Numbers are little-endian, of 4 bytes where nothing else is said.

A segment is sealed when it is full, or when its age or a reader asks for it; inserted into the engine under its name as
deduplication token; and removed. What recovery finds:

- died while appending: a torn last frame. Nobody was told; it is cut off.
- died after the fdatasync: a whole frame, perhaps unanswered. It is inserted; a sender that tries again with its key
  is recognised.
- died while inserting, or before the removal: the segment is inserted again; the engine skips the parts that it has.
- died while the removal was under way: the keys are in `keys` already; they are a set, so twice is once.
"""

from __future__ import annotations

import os
import struct
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
from isal import isal_zlib

from wardlight.clock import Clock
from wardlight.problems import NotFound, Unavailable
from wardlight.records import Protected
from wardlight.store.seen import KEPT_KEYS, KEY_BYTES

MAX_DEAD_BYTES = 1024**3
"""Most disk for records that the engine refuses."""

_MAGIC = b"WLJ1"
_HEAD = struct.Struct("<4sIQ")
_COUNT = struct.Struct("<I")
_PARTS_AT_ONCE = 1024
"""Linux takes no more (`IOV_MAX`)."""


@dataclass
class Segment:
    """A file of frames, and what they hold."""

    path: Path
    batches: list[Protected] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    damaged_bytes: int = 0
    """Bytes behind the last whole frame that can't be read."""

    @property
    def rows(self) -> int:
        """Records in it."""
        return sum(batch.num_rows for batch in self.batches)

    @property
    def nbytes(self) -> int:
        """Memory of its records."""
        return sum(batch.nbytes for batch in self.batches)

    @property
    def token(self) -> str:
        """Name for the engine's deduplication; never used twice."""
        return self.path.stem


@dataclass(frozen=True)
class DeadLetters:
    """Records that were acknowledged and that the engine refuses."""

    name: str
    records: int
    bytes: int
    since_ns: int
    """When their segment was begun, nanoseconds since 1970."""


class Journal:
    """The segments under `directory`. One thread appends; others may remove sealed segments meanwhile."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._open: Segment | None = None
        self._file = -1
        self._end = 0
        self._sealed: list[Segment] = []
        self._last = 0
        self._remembering = threading.Lock()

    def recover(self) -> list[Segment]:
        """Read the segments that an earlier process left, oldest first; a torn last frame is left out."""
        found = [_read(path) for path in sorted(self._directory.glob("*.segment"))]
        self._last = max((int(segment.token.split("-")[0]) for segment in found), default=0)
        return found

    def keys(self) -> list[bytes]:
        """Return the remembered keys of removed segments, oldest first."""
        path = self._directory / "keys"
        raw = path.read_bytes() if path.exists() else b""
        whole = len(raw) - len(raw) % KEY_BYTES
        kept = [raw[at : at + KEY_BYTES] for at in range(0, whole, KEY_BYTES)][-KEPT_KEYS:]
        if len(raw) > 2 * KEPT_KEYS * KEY_BYTES:
            fresh = path.with_suffix(".new")
            fresh.write_bytes(b"".join(kept))
            _sync_file(fresh)
            fresh.rename(path)
            _sync_directory(self._directory)
        return kept

    def append(self, batches: Sequence[Protected], keys: Sequence[bytes]) -> None:
        """Write one frame; on return it is on disk. Raises Unavailable, and the frame is not there or cut off."""
        frame = _frame(batches, keys)
        with self._lock:
            segment = self._segment()
            try:
                written = _write(self._file, frame, self._end)
                os.fdatasync(self._file)
            except OSError as error:
                self._spoil()
                raise Unavailable(f"the journal of the log store can't be written: {error.strerror}") from error
            self._end += written
            segment.batches.extend(batches)
            segment.keys.extend(keys)

    def close_full(self, rows: int) -> None:
        """Close the open segment if it has so many records; appending goes on in a new file."""
        with self._lock:
            if self._open is not None and self._open.rows >= rows:
                self._seal()

    def full(self) -> list[Segment]:
        """Return the segments that are closed already, oldest first."""
        with self._lock:
            return self._taken()

    def seal(self) -> list[Segment]:
        """Close what was written since the last call and return it, oldest first; appending goes on in a new file."""
        with self._lock:
            self._seal()
            return self._taken()

    def read(self, path: Path, rows: int) -> list[Protected]:
        """Read a sealed segment's batches again; raises Unavailable if they aren't `rows` records any more."""
        segment = _read(path)
        if segment.rows != rows:
            raise Unavailable(f"{path} has {segment.rows} of {rows} records that can be read")
        return segment.batches

    def remove(self, segment: Segment) -> None:
        """Forget a segment whose records are in the engine; its keys are remembered first."""
        if segment.keys:
            with self._remembering:
                self._remember(b"".join(segment.keys))
        segment.path.unlink(missing_ok=True)

    def set_aside(self, segment: Segment, refused: Sequence[Protected]) -> list[DeadLetters]:
        """Keep the batches of a segment that the engine refuses where they block nobody, as dead letters.

        Beyond `MAX_DEAD_BYTES` the oldest dead letters are removed; returns those.
        """
        path = self._dead / segment.path.name
        path.parent.mkdir(exist_ok=True, mode=0o700)
        with path.open("wb") as file:
            for batch in refused:
                file.writelines(_frame([batch], ()))
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(path.parent)
        kept = self.dead_letters()
        removed = []
        while sum(letters.bytes for letters in kept) > MAX_DEAD_BYTES and len(kept) > 1:
            removed.append(kept.pop(0))
            self.forget_dead(removed[-1].name)
        return removed

    def dead_letters(self) -> list[DeadLetters]:
        """List the dead letters, oldest first."""
        paths = sorted(self._dead.glob("*.segment"))
        return [
            DeadLetters(path.stem, _read(path).rows, path.stat().st_size, int(path.stem.split("-")[0]))
            for path in paths
        ]

    def read_dead(self, name: str) -> Segment:
        """Read dead letters by name. Raises NotFound."""
        if name not in {letters.name for letters in self.dead_letters()}:
            raise NotFound(f"there are no dead letters {name[:60]!r}; `wardlight store dead list` has their names")
        return _read(self._dead / f"{name}.segment")

    def forget_dead(self, name: str) -> None:
        """Remove dead letters."""
        (self._dead / f"{name}.segment").unlink(missing_ok=True)

    def _remember(self, keys: bytes) -> None:
        """Append to the file of keys; what an earlier try wrote of a key is written over."""
        path = self._directory / "keys"
        new = not path.exists()
        file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(file).st_size
            _write(file, [memoryview(keys)], size - size % KEY_BYTES)
            os.fsync(file)
        finally:
            os.close(file)
        if new:
            _sync_directory(self._directory)

    def _seal(self) -> None:
        if self._open is not None:
            os.close(self._file)
            self._sealed.append(self._open)
            self._open = None

    def _taken(self) -> list[Segment]:
        sealed, self._sealed = self._sealed, []
        return sealed

    @property
    def _dead(self) -> Path:
        return self._directory / "dead"

    def _segment(self) -> Segment:
        """Return the open segment; makes one, with its name on disk, if there is none."""
        if self._open is None:
            # Names grow even when the clock is set back, so that segments are replayed in the order of their making.
            self._last = max(self._last + 1, self._clock.now_ns())
            path = self._directory / f"{self._last:020d}-{os.urandom(4).hex()}.segment"
            try:
                self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
                _sync_directory(self._directory)
            except OSError as error:
                raise Unavailable(f"the journal of the log store can't be written: {error.strerror}") from error
            self._open, self._end = Segment(path), 0
        return self._open

    def _spoil(self) -> None:
        """After a failed write, cut the frame off and write no more to this file: its pages can't be trusted.

        The frames before it were acknowledged and stay. If the cut fails too, the frame may come back at recovery: its
        sender was told that it failed, and is recognised by its key when it tries again.
        """
        with suppress(OSError):
            os.ftruncate(self._file, self._end)
            os.fsync(self._file)
        self._sealed += [segment for segment in (self._open,) if segment is not None]
        self._open = None
        with suppress(OSError):
            os.close(self._file)


class _Parts:
    """A file for Arrow to write to: keeps the parts as they lie in memory, uncopied."""

    closed = False

    def __init__(self) -> None:
        self.all: list[bytes | pa.Buffer] = []

    def write(self, part: bytes | pa.Buffer) -> None:
        """Keep a part."""
        self.all.append(part)

    def close(self) -> None:
        """Do nothing; Arrow asks for it."""


def _frame(batches: Sequence[Protected], keys: Sequence[bytes]) -> list[memoryview]:
    """Return the parts of a frame: of one batch some thirty."""
    payload = _COUNT.pack(len(keys)) + b"".join(keys)
    parts = _Parts()
    with pa.PythonFile(parts, mode="w") as file, pa.ipc.new_stream(file, batches[0].schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    crc, length = isal_zlib.crc32(payload), len(payload)
    for part in parts.all:
        crc, length = isal_zlib.crc32(part, crc), length + len(part)
    return [memoryview(part) for part in (_HEAD.pack(_MAGIC, crc, length) + payload, *parts.all)]


def _read(path: Path) -> Segment:
    """Read a segment up to its first frame that isn't whole."""
    segment = Segment(path)
    raw = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(raw):
        magic, crc, length = _HEAD.unpack_from(raw, at)
        payload = memoryview(raw)[at + _HEAD.size : at + _HEAD.size + length]
        if magic != _MAGIC or len(payload) < length or isal_zlib.crc32(payload) != crc:
            break
        (count,) = _COUNT.unpack_from(payload)
        start = _COUNT.size + count * KEY_BYTES
        keys = bytes(payload[_COUNT.size : start])
        segment.keys += [keys[n : n + KEY_BYTES] for n in range(0, len(keys), KEY_BYTES)]
        segment.batches += [Protected(batch) for batch in pa.ipc.open_stream(pa.py_buffer(payload[start:]))]
        at += _HEAD.size + length
    segment.damaged_bytes = len(raw) - at
    return segment


def _write(file: int, parts: Sequence[memoryview], at: int) -> int:
    """Write all of `parts` at an offset; returns how much that was."""
    total = 0
    left = deque(part for part in parts if part.nbytes)
    while left:
        written = os.pwritev(file, list(islice(left, _PARTS_AT_ONCE)), at + total)
        total += written
        while left and written >= left[0].nbytes:
            written -= left.popleft().nbytes
        if written:
            left[0] = left[0][written:]
    return total


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
