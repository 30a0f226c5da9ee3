"""Disks that fail: one call at a time, or by a power cut."""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from wardlight.ledger.disk import Disk

Call = tuple[str, str, int]
"""What is called, on which file below the ledger's home, for the how-manieth time."""


class Counting(Disk):
    """Counts every call that changes something. `before` and `after` each are the place for a fault."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.calls: list[Call] = []
        self._lock = threading.RLock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._paths: dict[int, Path] = {}

    def before(self, call: Call) -> None:
        """The call is about to be done."""

    def after(self, call: Call) -> None:
        """The call is done."""

    def open(self, path: Path, flags: int) -> int:
        with self._lock:
            call = self._count("open", path)
            self.before(call)
            file = super().open(path, flags)
            self._paths[file] = path
            try:
                self.after(call)
            except OSError:
                os.close(file)
                raise
            return file

    def open_directory(self, path: Path) -> int:
        with self._lock:
            file = super().open_directory(path)
            self._paths[file] = path
            return file

    def write(self, file: int, data: bytes | memoryview, at: int) -> int:
        with self._lock:
            call = self._count("write", self._paths[file])
            self.before(call)
            written = super().write(file, data[: self.most(call, len(data))], at)
            self.after(call)
            return written

    def most(self, call: Call, size: int) -> int:
        """How many bytes are written at once."""
        return size

    def sync(self, file: int) -> None:
        with self._lock:
            call = self._count("sync", self._paths[file])
            self.before(call)
            self.synced(self._paths[file])
            self.after(call)

    def synced(self, path: Path) -> None:
        """The disk has what is in the file, or the names in the directory."""

    def truncate(self, file: int, size: int) -> None:
        with self._lock:
            call = self._count("truncate", self._paths[file])
            self.before(call)
            super().truncate(file, size)
            self.after(call)

    def rename(self, source: Path, target: Path) -> None:
        with self._lock:
            call = self._count("rename", target)
            self.before(call)
            super().rename(source, target)
            self.after(call)

    def mkdir(self, path: Path) -> None:
        with self._lock:
            call = self._count("mkdir", path)
            self.before(call)
            super().mkdir(path)
            self.after(call)

    def unlink(self, path: Path) -> None:
        with self._lock:
            call = self._count("unlink", path)
            self.before(call)
            super().unlink(path)
            self.after(call)

    def _count(self, name: str, path: Path) -> Call:
        # Files that are being written have names that differ from run to run.
        below = os.path.relpath(path, self.home)
        below = "scratch file" if below.startswith("scratch/") else below
        self._counts[name, below] += 1
        call = (name, below, self._counts[name, below])
        self.calls.append(call)
        return call


class Faulty(Counting):
    """Fails once: at a call, undone, half done, or done but reported as failed."""

    def __init__(self, home: Path, call: Call, how: str) -> None:
        super().__init__(home)
        self.call = call
        self.how = how
        self.failed = False

    def before(self, call: Call) -> None:
        if call == self.call and self.how == "undone":
            self._fail()

    def after(self, call: Call) -> None:
        if call == self.call and self.how != "undone":
            self._fail()

    def most(self, call: Call, size: int) -> int:
        return size // 2 if call == self.call and self.how == "half" else size

    def _fail(self) -> None:
        self.failed = True
        raise OSError(errno.EIO, "Input/output error")


class PowerCut(Counting):
    """Stops at a call, and knows what is on the disk then if it kept only what it was told to sync."""

    def __init__(self, home: Path, at: int) -> None:
        super().__init__(home)
        self.at = at
        self.dark = False
        self._live: dict[Path, _Inode] = {}
        self._names: dict[Path, dict[str, _Inode | None]] = {}

    def before(self, call: Call) -> None:
        self.dark = self.dark or len(self.calls) > self.at
        if self.dark:
            raise OSError(errno.EIO, "the power is off")

    def open(self, path: Path, flags: int) -> int:
        with self._lock:
            file = super().open(path, flags)
            self._live.setdefault(path, _Inode())
            return file

    def unlink(self, path: Path) -> None:
        with self._lock:
            super().unlink(path)
            self._live.pop(path, None)

    def rename(self, source: Path, target: Path) -> None:
        with self._lock:
            super().rename(source, target)
            self._live[target] = self._live.pop(source)

    def synced(self, path: Path) -> None:
        if path.is_dir():
            self._names[path] = {one.name: self._live.get(one) for one in path.iterdir()}
        else:
            self._live[path].content = path.read_bytes()

    def leave(self, target: Path) -> None:
        """Write what is on the disk: synced names of synced content."""
        self._leave(self.home, target)

    def leave_names(self, target: Path) -> None:
        """Write what is on a disk that has all names already, but only synced content."""
        for path in sorted(self.home.rglob("*")):
            there = target / path.relative_to(self.home)
            there.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                there.mkdir(exist_ok=True)
            else:
                there.write_bytes(self._live[path].content if path in self._live else path.read_bytes())

    def _leave(self, source: Path, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for name, inode in self._names.get(source, {}).items():
            if (source / name).is_dir() or source / name in self._names:
                self._leave(source / name, target / name)
            else:
                (target / name).write_bytes(inode.content if inode else b"")


@dataclass
class _Inode:
    content: bytes = field(default=b"")
