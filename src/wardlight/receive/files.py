"""Old log files to batches of documents: plain, gzip or zstd, in bounded memory, from any point on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from wardlight.problems import BadInput
from wardlight.receive import times
from wardlight.receive.documents import BODY_NAMES, OWN_LABELS, TIME_NAMES
from wardlight.receive.formats import Document, Format, Setting, guess

MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""Compressions by a file's first bytes."""

_FOREIGN = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip", b"\x04\x22\x4d\x18": "lz4"}
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 19
_LONGEST_ENTRY = 1 << 19
_BATCH_ENTRIES = 5000
_BATCH_BYTES = 1 << 21
_LOOKED_AT = 64


class Mark(msgspec.Struct, frozen=True):
    """A point in a file, by which both are recognised again."""

    offset: int
    """Bytes of the decompressed file before it."""
    digest: str
    """Of the lines before it."""
    time: str | int | float | None = None
    """The time of the last entry, for those without one."""


@dataclass(frozen=True)
class Batch:
    """Some entries of a file."""

    lines: bytes
    """JSON lines."""
    entries: int
    begin: str
    """Digest of the lines before it."""
    end: Mark

    @property
    def key(self) -> str:
        """An idempotency key: this content at this point of this file."""
        return hashlib.sha256(self.begin.encode() + self.lines).hexdigest()


@dataclass
class LogFile:
    """A file to be read. Raises BadInput saying why it can't be."""

    path: Path
    zone: tzinfo
    labels: Mapping[str, str]
    format: Format | None = None
    """None: to be found by looking."""
    size: int = field(default=0, init=False)
    """Bytes on disk."""
    read_bytes: int = field(default=0, init=False)
    """How many of them have been read."""

    def __post_init__(self) -> None:
        try:
            found = self.path.stat()
            with self.path.open("rb") as file:
                begin = file.read(8)
        except OSError as error:
            raise BadInput(f"{self.path}: {error.strerror}") from None
        self.size = found.st_size
        self.setting = Setting(self.zone, found.st_mtime_ns)
        self._compression = next((name for magic, name in MAGIC.items() if begin.startswith(magic)), None)
        foreign = next((name for magic, name in _FOREIGN.items() if begin.startswith(magic)), None)
        if foreign:
            raise BadInput(f"{self.path}: {foreign} isn't read here; use plain, gzip or zstd files")
        first = self._first_lines()
        self.head = hashlib.sha256(first[0].encode() if first else b"").hexdigest()
        if self.format is None and first:
            try:
                self.format = guess(first, self.setting)
            except BadInput as problem:
                raise BadInput(f"{self.path}: {problem}") from None

    def is_at(self, mark: Mark) -> bool:
        """Whether this file has the lines before a mark."""
        try:
            with self._lines() as lines:
                return _pass(lines, mark.offset) == mark.digest
        except BadInput:
            return False

    def batches(self, mark: Mark | None) -> Iterator[Batch]:
        """Yield the entries from a mark on, or all."""
        if self.format is None:
            return
        with self._lines() as lines:
            joiner = _Joiner(self, self.format, mark.time if mark else None)
            if mark:
                _pass(lines, mark.offset, joiner.digest)
                joiner.offset = mark.offset
            yield from joiner.batches(lines)

    def _first_lines(self) -> list[str]:
        """The lines by which a format is guessed."""
        first: list[str] = []
        with self._lines() as lines:
            for _, line in lines:
                first.append(readable(line))
                if len(first) == _LOOKED_AT or sum(map(len, first)) > _CHUNK:
                    break
        if any("\0" in line for line in first):
            raise BadInput(f"{self.path}: is not a text file")
        return first

    @contextmanager
    def _lines(self) -> Iterator[Iterator[tuple[int, bytes]]]:
        """Open the file as lines with the offset behind each."""
        with self.path.open("rb") as raw:
            stream: Any = pa.CompressedInputStream(pa.PythonFile(raw), self._compression) if self._compression else raw
            yield self._cut(stream, raw)

    def _cut(self, stream: Any, raw: Any) -> Iterator[tuple[int, bytes]]:
        """Cut into lines without their ends; of one that is too long, the beginning is given."""
        rest, begin, at = b"", b"", 0
        while chunk := self._chunk(stream, raw, at):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                at += len(line) + 1
                yield at, begin or line
                begin = b""
            if len(rest) > _LONGEST_LINE:
                begin, at, rest = begin or rest[:_LONGEST_LINE], at + len(rest), b""
        if begin or rest:
            yield at + len(rest), begin or rest

    def _chunk(self, stream: Any, raw: Any, at: int) -> bytes:
        try:
            chunk: bytes = stream.read(_CHUNK)
        except OSError as error:
            raise BadInput(f"{self.path}: damaged behind byte {at} of its text: {error}") from None
        self.read_bytes = raw.tell()
        return chunk


def readable(line: bytes) -> str:
    """Read a line as UTF-8, else as Latin-1."""
    bare = line.removesuffix(b"\r")
    try:
        return bare.decode()
    except UnicodeDecodeError:
        return bare.decode("latin-1")


def _pass(lines: Iterator[tuple[int, bytes]], offset: int, digest: Any = None) -> str:
    """Read up to an offset; return the digest of the lines before it, empty if no line ends there."""
    digest = digest or hashlib.sha256()
    at = 0
    while at < offset:
        at, line = next(lines, (offset + 1, b""))
        digest.update(line + b"\n")
    return str(digest.hexdigest()) if at == offset else ""


class _Joiner:
    """Joins the lines of an entry, and entries to batches. The cuts depend on nothing but the file and the mark."""

    def __init__(self, file: LogFile, form: Format, time: Any) -> None:
        self.digest = hashlib.sha256()
        self.offset = 0
        self._file = file
        self._format = form
        self._time = time
        self._entry: Document | None = None
        self._more: list[str] = []
        self._more_size = 0
        self._lines: list[bytes] = []
        self._bytes = 0
        self._begin = ""

    def batches(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[Batch]:
        """Yield the batches of what is left of a file."""
        self._begin = self.digest.hexdigest()
        for end, line in lines:
            text = readable(line)
            found = self._read(text)
            if found is not None:
                self._finish()
                if len(self._lines) >= _BATCH_ENTRIES or self._bytes >= _BATCH_BYTES:
                    yield self._batch()
                self._entry = found
            self.digest.update(line + b"\n")
            self.offset = end
        self._finish()
        if self._lines:
            yield self._batch()

    def _read(self, text: str) -> Document | None:
        """Return the entry that a line begins; None if the line belongs to the one before, and note it there."""
        before = self._entry
        found = self._format.read(text, self._file.setting)
        if before is None:
            return found if found is not None or not text.strip() else {"message": text}
        if found is not None and not self._format.continues(text, before):
            return found
        if self._more_size + len(text) > _LONGEST_ENTRY:
            return {"message": text}
        self._more.append(text)
        self._more_size += len(text) + 1
        return None

    def _finish(self) -> None:
        """Complete the entry and write it as a line."""
        entry = self._entry
        if entry is None:
            return
        more = "\n".join(self._more).rstrip()
        if more:
            name = next((name for name in BODY_NAMES if isinstance(entry.get(name), str)), "message")
            entry[name] = f"{entry.get(name, '')}\n{more}"
        self._more, self._more_size, self._entry = [], 0, None
        given = (entry.get(name) for name in TIME_NAMES)
        time = next((value for value in given if isinstance(value, str | int | float) and value != ""), None)
        if time is None:
            for name in TIME_NAMES:
                entry.pop(name, None)
            entry["time"] = self._file.setting.newest_ns if self._time is None else self._time
        elif times.of(time) != times.UNREADABLE:  # a mark is written down, and may hold nothing else of a line
            self._time = time
        self._lines.append(msgspec.json.encode(self._labelled(entry)))
        self._bytes += len(self._lines[-1])

    def _labelled(self, entry: Document) -> Document:
        """Add what the caller says of the whole file."""
        labels = dict(self._file.labels)
        if labels:
            own = entry.pop(OWN_LABELS, {})
            labels = {**own, **labels} if isinstance(own, dict) else labels
            if labels.get("service_name"):
                entry.pop("service.name", None)
            entry[OWN_LABELS] = labels
        entry["log.file.name"] = self._file.path.name
        return entry

    def _batch(self) -> Batch:
        mark = Mark(self.offset, self.digest.hexdigest(), self._time)
        made = Batch(b"\n".join(self._lines), len(self._lines), self._begin, mark)
        self._lines, self._bytes, self._begin = [], 0, mark.digest
        return made
