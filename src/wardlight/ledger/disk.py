"""Files that are whole or not there, on disk when the call returns. `Disk` is what tests let fail, call by call."""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from wardlight.problems import Unavailable


class Disk:
    """The operating system's calls that change something."""

    def open(self, path: Path, flags: int) -> int:
        """Open a file for writing."""
        return os.open(path, flags | os.O_WRONLY | os.O_CLOEXEC, 0o600)

    def write(self, file: int, data: bytes | memoryview, at: int) -> int:
        """Write at an offset; return how many bytes were."""
        return os.pwrite(file, data, at)

    def sync(self, file: int) -> None:
        """Bring a file's content, or a directory's names, to the disk."""
        os.fsync(file)

    def truncate(self, file: int, size: int) -> None:
        """Cut a file off."""
        os.ftruncate(file, size)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its name, in the place of what had it."""
        source.replace(target)

    def mkdir(self, path: Path) -> None:
        """Make a directory."""
        path.mkdir(mode=0o700)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink(missing_ok=True)

    def open_directory(self, path: Path) -> int:
        """Open a directory, to sync it."""
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    # What is made of these.

    def write_all(self, file: int, data: bytes, at: int) -> None:
        """Write all of `data` at an offset."""
        view = memoryview(data)
        while view:
            written = self.write(file, view, at)
            at, view = at + written, view[written:]

    def sync_directory(self, path: Path) -> None:
        """Bring a directory's names to the disk."""
        file = self.open_directory(path)
        try:
            self.sync(file)
        finally:
            os.close(file)


class Files:
    """Writes whole files under `home`. What is unfinished lies in `home/scratch`."""

    def __init__(self, disk: Disk, home: Path, writers: int = 8) -> None:
        self._disk = disk
        self._home = home
        self._scratch = home / "scratch"
        self._numbers = itertools.count()
        self._made: set[Path] = set()
        self.make(self._scratch)
        # Syncs that run at once share the disk's flushes.
        self._writers = ThreadPoolExecutor(writers, "ledger-write")

    def put(self, files: Mapping[Path, bytes]) -> None:
        """Write files; on return all of them are on disk under their names. Raises OSError; then any may be there."""
        parents = sorted({path.parent for path in files})
        for parent in parents:
            self.make(parent)
        self._each(self._put, files.keys(), files.values())
        self._each(self._disk.sync_directory, parents)

    def make(self, directory: Path) -> None:
        """Make a directory and those above it, with their names on disk. Raises OSError."""
        ours = directory.is_relative_to(self._home)
        if directory in self._made or (not ours and directory.is_dir()):
            return
        self.make(directory.parent)
        with suppress(FileExistsError):
            self._disk.mkdir(directory)
        # Also of one that exists: the process that made it may have died, or failed, before this.
        self._disk.sync_directory(directory.parent)
        self._made.add(directory)

    def remove(self, path: Path) -> None:
        """Remove a file, not necessarily for good if the power fails now. Raises OSError."""
        self._disk.unlink(path)

    def clear(self) -> None:
        """Remove what an earlier process left unfinished."""
        for left in self._scratch.iterdir():
            self._disk.unlink(left)

    def close(self) -> None:
        """Stop the threads."""
        self._writers.shutdown()

    def _put(self, path: Path, data: bytes) -> None:
        scratch = self._scratch / f"{os.getpid()}-{next(self._numbers)}"
        file = self._disk.open(scratch, os.O_CREAT | os.O_TRUNC)
        try:
            self._disk.write_all(file, data, 0)
            self._disk.sync(file)
            self._disk.rename(scratch, path)
        except OSError:
            with suppress(OSError):
                self._disk.unlink(scratch)
            raise
        finally:
            os.close(file)

    def _each(self, call: Callable[..., None], *arguments: Iterable[object]) -> None:
        """Call for each, several at once; raise the first failure, when all have ended."""
        running = [self._writers.submit(call, *one) for one in zip(*arguments, strict=True)]
        wait(running)
        for one in running:
            one.result()


class Lock:
    """Keeps a second owner out of a directory, for as long as this process lives. Raises Unavailable."""

    def __init__(self, path: Path, what: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise Unavailable(f"{what} is in use by another process: only one may write to it") from None

    def release(self) -> None:
        """Let others in."""
        os.close(self._file)
