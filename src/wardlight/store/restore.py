"""Restoring a backup into an empty data directory, and the drill that proves that it can be done.

A directory that is being restored has the file `restore-unfinished`, which is removed last: the server refuses to start
on it. A restore that fails removes what it wrote; one that dies leaves the file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from wardlight.problems import BadConfig, BadInput, Conflict, Problem
from wardlight.store import Table, backup, manifest
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.manifest import FILES, LOGS, File, Manifest, Partition
from wardlight.store.places import Place, sync_directory
from wardlight.store.schema import AUDIT_SINCE, MIGRATIONS

UNFINISHED = "restore-unfinished"


class Mismatch(Problem):
    """What was restored isn't what was saved."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore or a drill found."""

    backup: Manifest
    seconds: float


def refuse_unfinished(data: Path) -> None:
    """Refuse a directory whose restore was cut off. Raises BadConfig."""
    if (data / UNFINISHED).exists():
        raise BadConfig(f"{data} is half of a restored backup: empty it and restore again")


def restore(target: Place, entry: str, data: Path) -> Restored:
    """Restore a backup and compare everything with its manifest.

    Raises Conflict when the directory isn't empty, BadInput when the backup can't be used or was made by a newer
    Wardlight, Mismatch when anything differs; then nothing is left.
    """
    start = time.monotonic()
    found = backup.usable(target, entry)
    if found.schema > MIGRATIONS[-1].version:
        raise BadInput(f"backup {entry} was made by a newer Wardlight ({found.wardlight})")
    existed = data.exists()
    data.mkdir(parents=True, exist_ok=True, mode=0o711)
    if any(data.iterdir()):
        raise Conflict(f"{data} isn't empty: a backup is restored into an empty directory only")
    try:
        (data / UNFINISHED).touch()
        with target.reached():
            for file in found.files:
                _fetch(target, file, data)
        _restore_logs(target, found, data / "logs")
        os.sync()
        (data / UNFINISHED).unlink()
        sync_directory(data)
    except BaseException:
        _empty(data, itself=not existed)
        raise
    return Restored(backup=found, seconds=time.monotonic() - start)


def drill(target: Place, entry: str, scratch: Path | None = None) -> Restored:
    """Restore a backup elsewhere, compare it with its manifest, and remove it again. Raises as `restore` does."""
    with tempfile.TemporaryDirectory(prefix="wardlight-drill-", dir=scratch) as directory:
        return restore(target, entry, Path(directory))


def _restore_logs(target: Place, found: Manifest, directory: Path) -> None:
    """Restore the log store as it was, compare, and only then bring its tables up to date."""
    on = f" SETTINGS base_backup = {target.engine(f'{found.base}/{LOGS}')}" if found.base else ""
    tables: tuple[Table, ...] = ("logs", "audit") if found.schema >= AUDIT_SINCE else ("logs",)
    with closing(EmbeddedStore(directory, readers=1, migrate=False)) as store:
        try:
            named = ", ".join(f"TABLE {table}" for table in (*tables, "migrations"))
            store.manage(f"RESTORE {named} FROM {target.engine(f'{found.id}/{LOGS}')}{on}")
        except Problem as problem:
            raise Mismatch(f"the engine can't read the logs of backup {found.id}: {problem}") from problem
        _compare(found.partitions, manifest.digests(store, {table: table for table in tables}))


def _compare(saved: Sequence[Partition], restored: Sequence[Partition]) -> None:
    wrong = {(one.table, one.kind, one.day, one.records, one.digest) for one in saved}
    wrong ^= {(one.table, one.kind, one.day, one.records, one.digest) for one in restored}
    if wrong:
        names = sorted({f"{kind or f'table {table}'} {day}" for table, kind, day, _, _ in wrong})
        raise Mismatch(f"{len(names)} partitions differ from the manifest, first {', '.join(names[:3])}")


def _fetch(target: Place, file: File, data: Path) -> None:
    """Copy a file back with its mode, and compare it."""
    path = data / file.path
    if not path.resolve().is_relative_to(data.resolve()):
        raise BadInput(f"the manifest names {file.path}, outside of the data directory")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.get(f"{file.backup}/{FILES}/{file.path}", path)
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
            raise Mismatch(f"{file.path} differs from the manifest")
    path.chmod(file.mode)


def _empty(data: Path, *, itself: bool) -> None:
    """Remove everything in a directory; what marks it as unfinished last."""
    for one in sorted(data.iterdir(), key=lambda path: path.name == UNFINISHED):
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()
    if itself:
        data.rmdir()
