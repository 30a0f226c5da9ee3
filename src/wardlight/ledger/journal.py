"""The ledger's write-ahead journal: entries are in a file, with their place in the log, before a sender is answered.

A directory of segments. A group of entries is one frame, appended to the open segment and synced:

    mark, 16 bytes | crc32 of the rest | length of the bundle, 8 bytes | index of its first entry, 8 bytes | bundle

Numbers are big-endian; the bundle is as in `tiles.pack`. All frames of a segment have the same mark, which is random:
nothing that a sender writes into an entry can pass for a frame. When the log has the entries of a segment, it is
removed. What recovery finds:

- died while appending: a torn last frame. Nobody was told; it is left out.
- died after the sync: a whole frame, perhaps unanswered. It goes into the log.
- died while the log took the frames, or before the removal: frames that begin below the log's size are in it; the log
  takes whole frames only. The others go into it.
- a frame that couldn't be synced, nor cut off: its senders were told that it failed. If others were written later, they
  have its place and it is dropped; if none were, it goes into the log like an unanswered one.

One thread appends and seals; another may remove sealed segments meanwhile.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wardlight.ledger.disk import Disk
from wardlight.ledger.tiles import pack, unpack
from wardlight.problems import Unavailable

_MARK_BYTES = 16
_HEAD = struct.Struct(">16sIQQ")
_CHECKED = _MARK_BYTES + 4
"""Where the part that the checksum covers begins."""


@dataclass(frozen=True)
class Frame:
    """Entries and their place."""

    first: int
    entries: Sequence[bytes]

    @property
    def end(self) -> int:
        """The index behind the last."""
        return self.first + len(self.entries)


@dataclass
class Segment:
    """A file of frames."""

    path: Path
    mark: bytes
    frames: list[Frame] = field(default_factory=list)
    end: int = 0
    """Bytes of its whole frames."""


class Journal:
    """The segments in `directory`."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._directory = directory
        self._disk = disk
        self._left = [_read(path) for path in sorted(directory.glob("*.segment"))]
        self._last = max((int(segment.path.stem) for segment in self._left), default=0)
        self._open: Segment | None = None
        self._file = -1
        self._sealed: list[Segment] = []

    def recover(self, size: int) -> tuple[list[Frame], list[Segment]]:
        """Return what a log of `size` entries still lacks, in order, and the segments to remove when it has it.

        Raises Unavailable when the frames don't follow on it.
        """
        frames: list[Frame] = []
        for frame in (frame for segment in self._left for frame in segment.frames if frame.first >= size):
            while frames and frames[-1].first >= frame.first:
                frames.pop()
            frames.append(frame)
        for frame in frames:
            if frame.first != size:
                raise Unavailable(
                    f"{self._directory}: the journal of the ledger goes on at entry {frame.first}, but the log has "
                    f"{size}: entries between are lost, or the log is of another time than its journal"
                )
            size = frame.end
        return frames, self._left

    def append(self, frame: Frame) -> None:
        """Write a frame; on return it is on disk. Raises Unavailable, and the frame isn't there or doesn't count."""
        bundle = pack(frame.entries)
        head = _HEAD.pack(b"", 0, len(bundle), frame.first)
        crc = zlib.crc32(bundle, zlib.crc32(head[_CHECKED:]))
        try:
            segment = self._segment()
            written = _HEAD.pack(segment.mark, crc, len(bundle), frame.first) + bundle
            self._disk.write_all(self._file, written, segment.end)
            self._disk.sync(self._file)
        except OSError as error:
            self._spoil()
            raise Unavailable(f"the ledger's journal can't be written: {error.strerror}") from error
        segment.end += len(written)
        segment.frames.append(frame)

    def seal(self) -> list[Segment]:
        """Return what was written since the last call, oldest first; appending goes on in a new file."""
        self._shut()
        sealed, self._sealed = self._sealed, []
        return sealed

    def remove(self, segments: Iterable[Segment]) -> None:
        """Forget segments whose entries are in the log. Raises OSError."""
        for segment in segments:
            self._disk.unlink(segment.path)

    def _segment(self) -> Segment:
        """Return the open segment; makes one, with its name on disk, if there is none."""
        if self._open is None:
            self._last += 1
            path = self._directory / f"{self._last:016d}.segment"
            self._file = self._disk.open(path, os.O_CREAT | os.O_EXCL)
            self._open = Segment(path, os.urandom(_MARK_BYTES))
            self._disk.sync_directory(self._directory)
        return self._open

    def _spoil(self) -> None:
        """After a failed write, cut the frame off and write no more to this file: its pages can't be trusted."""
        if self._open is not None:
            with suppress(OSError):
                self._disk.truncate(self._file, self._open.end)
                self._disk.sync(self._file)
            self._shut()

    def _shut(self) -> None:
        if self._open is not None:
            self._sealed.append(self._open)
            self._open = None
            with suppress(OSError):
                os.close(self._file)


def _read(path: Path) -> Segment:
    """Read a segment up to a torn last frame. Raises Unavailable when frames lie behind one that isn't whole."""
    raw = path.read_bytes()
    segment = Segment(path, raw[:_MARK_BYTES])
    while (frame := _frame(raw, segment.end, segment.mark)) is not None:
        bundle, first = frame
        segment.frames.append(Frame(first, unpack(bundle)))
        segment.end += _HEAD.size + len(bundle)
    at = segment.end
    while (at := raw.find(segment.mark, at + 1)) != -1:
        if _frame(raw, at, segment.mark) is not None:
            raise Unavailable(f"{path} is damaged at byte {segment.end}, and there are entries behind it: restore it")
    return segment


def _frame(raw: bytes, at: int, mark: bytes) -> tuple[bytes, int] | None:
    """Read the bundle and the first index of a whole frame; None if there is none."""
    if at + _HEAD.size > len(raw):
        return None
    found, crc, length, first = _HEAD.unpack_from(raw, at)
    end = at + _HEAD.size + length
    if found != mark or end > len(raw) or zlib.crc32(memoryview(raw)[at + _CHECKED : end]) != crc:
        return None
    return raw[at + _HEAD.size : end], first
