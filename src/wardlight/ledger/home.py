"""What a ledger remembers about itself: its key, and which size it had when."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from wardlight.ledger.disk import Disk, Files
from wardlight.ledger.note import Signer, is_name
from wardlight.problems import BadInput, Unavailable

TOLERANCE_NS = 60 * 1_000_000_000
"""How far the clock may go back: steps of time services are smaller."""

_HOUR_NS = 3600 * 1_000_000_000


def load_key(path: Path, files: Files, origin: str, *, new: bool) -> Signer:
    """Read the log's key; make it if the log is new. Raises Unavailable.

    An empty `origin` takes the name that the key has, and for a new one the machine's.
    """
    if not path.exists():
        if not new:
            raise Unavailable(
                f"{path} is missing: without its key the ledger can't go on. Restore the key from a backup; with a "
                "new one it would be another log"
            )
        name = origin or f"{os.uname().nodename}/ledger"
        if not is_name(name):
            raise Unavailable(f"{name!r} can't be the name of a log: no spaces, no + (setting ledger.origin)")
        files.put({path: Signer(name, secrets.token_bytes(32)).skey.encode() + b"\n"})
    try:
        signer = Signer.parse(path.read_text())
    except (BadInput, UnicodeDecodeError) as problem:
        raise Unavailable(f"{path} can't be read: {problem}. Restore the key from a backup") from None
    if origin and signer.name != origin:
        raise Unavailable(
            f"the ledger's name is {signer.name} and can't be changed to {origin} (setting ledger.origin): every proof "
            "carries it"
        )
    return signer


@dataclass(frozen=True)
class Mark:
    """At this time, in nanoseconds since 1970, the log had this size."""

    at_ns: int
    size: int


class Times:
    """Which size the log had when, hour by hour, in a text file: what retention and the clock are judged by."""

    def __init__(self, path: Path, files: Files) -> None:
        self._path = path
        self._files = files
        self.marks = read_marks(path)

    @property
    def latest_ns(self) -> int:
        """The newest mark's time; 0 if there is none."""
        return self.marks[-1].at_ns if self.marks else 0

    def note(self, mark: Mark) -> None:
        """Remember a size, if the last mark is an hour old."""
        if not self.marks or mark.at_ns - self.latest_ns >= _HOUR_NS:
            self._write([*self.marks, mark])

    def forget(self, size: int) -> None:
        """Drop marks that only speak of entries below `size`."""
        self._write([mark for mark in self.marks if mark.size >= size])

    def confirm(self, now_ns: int) -> None:
        """Take the clock's word, even if it went back: it ran ahead before."""
        size = self.marks[-1].size if self.marks else 0
        self._write([mark for mark in self.marks if mark.at_ns <= now_ns] + [Mark(now_ns, size)])

    def reload(self) -> bool:
        """Read what `confirm` wrote in another process; False if nobody did."""
        known, self.marks = self.marks, read_marks(self._path)
        return self.marks != known

    def size_before(self, before_ns: int) -> int:
        """Return how many entries are certainly older than a time."""
        return max((mark.size for mark in self.marks if mark.at_ns <= before_ns), default=0)

    def _write(self, marks: list[Mark]) -> None:
        text = "".join(f"{mark.at_ns} {mark.size}\n" for mark in marks)
        self._files.put({self._path: text.encode()})
        self.marks = marks


def confirm(home: Path, now_ns: int) -> None:
    """Take the clock's word, from another process than the ledger's owner."""
    files = Files(Disk(), home)
    try:
        Times(home / "times", files).confirm(now_ns)
    finally:
        files.close()


def read_marks(path: Path) -> list[Mark]:
    """Read the marks. Raises Unavailable when they can't be."""
    if not path.exists():
        return []
    try:
        return [Mark(*map(int, line.split())) for line in path.read_text().splitlines()]
    except (ValueError, TypeError):
        raise Unavailable(f"{path} can't be read: restore it from a backup") from None
