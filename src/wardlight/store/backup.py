"""Backups of everything: log store, state database, and the other files of the data directory that matter.

One point in time: while inserts are held back for milliseconds, the tables are cloned (hard links) and the state
database's moment is pinned; everything is then copied from those two. What was acknowledged before is in it. If we die

- while cloning or copying: the clones are dropped and temporary files are removed by the next start; the backup has no
  manifest, which `list` shows and `restore` refuses;
- after the manifest: the backup is whole, but isn't remembered as the last one.

An incremental backup builds on the newest full one, never on another incremental: two directories restore everything.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from wardlight import __version__
from wardlight.clock import Clock, moment
from wardlight.problems import BadInput, Conflict, Problem, Unavailable
from wardlight.store import LogStore, Table, manifest
from wardlight.store.facts import BACKUP, Facts
from wardlight.store.manifest import FILES, FORMAT, LOGS, File, Manifest
from wardlight.store.places import Place, place
from wardlight.store.schema import MIGRATIONS
from wardlight.store.state import State

STATE = "state.db"
LEFT_OUT = ("logs", STATE, f"{STATE}-wal", f"{STATE}-shm", "server.json", "log", "stack", "demo")
"""At the top of the data directory: what is saved in another way (the log store, the state database), what belongs to
one run, and what is rendered or kept for the parts beside the server (their own data are theirs to save). Names with a
leading dot are left out too; everything else is saved, so that what a later version keeps isn't forgotten."""
DEAD = Path("logs", "journal", "dead")
"""Records that the engine refused: they are nowhere else. The rest of the journal is in the engine, or isn't
acknowledged; its keys must not be saved, or a record sent again after a restore would be taken for known."""

_CLONES: dict[Table, str] = {"logs": "backup_snapshot", "audit": "backup_snapshot_audit"}
_TEMPORARY = ".backup-"
_SETTLE_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Backups:
    """Makes backups, one at a time."""

    def __init__(
        self, data: Path, store: LogStore, state: State, clock: Clock, settle: Callable[[float], bool]
    ) -> None:
        self._data = data
        self._store = store
        self._state = state
        self._clock = clock
        self._settle = settle
        self._facts = Facts(state)
        self._one = threading.Lock()
        if store.where.local:
            self._clean()

    def create(self, destination: str, *, incremental: bool = False) -> Manifest:
        """Make a backup; on return it is whole and on disk.

        Raises Conflict while another one is made, BadInput when there is nothing to build on, Unavailable.
        """
        if not self._store.where.local:
            raise Unavailable("the logs lie on ClickHouse servers (store.clickhouse): back those up by their own means")
        if not self._one.acquire(blocking=False):
            raise Conflict("a backup is being made already")
        try:
            target = place(destination)
            base = _newest_full(target) if incremental else None
            entry = f"{moment(self._clock.now_ns()):%Y%m%dT%H%M%SZ}"
            if entry in target.entries():
                raise Conflict(f"there is a backup {entry} in {target.name} already")
            with target.reached():
                made = self._create(target, entry, base)
        finally:
            self._one.release()
        self._facts.put(BACKUP, made.made, {"destination": target.name, "id": made.id})
        _log.info("backup %s in %s: %d records", made.id, target.name, made.records)
        return made

    def _create(self, target: Place, entry: str, base: Manifest | None) -> Manifest:
        target.make(entry)
        try:
            with self._snapshot() as (made_at, state):
                self._save_logs(target, entry, base)
                known = base.partitions if base and base.schema == MIGRATIONS[-1].version else ()
                made = Manifest(
                    format=FORMAT, id=entry, made=made_at, base=base.id if base else None, wardlight=__version__,
                    schema=MIGRATIONS[-1].version,
                    partitions=manifest.digests(self._store, _CLONES, known),
                    files=tuple(_save(target, entry, base, self._data, state)),
                )  # fmt: skip
                manifest.write(target, made)
        except BaseException:
            with suppress(Exception):
                target.remove(entry)
            raise
        return made

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[datetime, Path]]:
        """Fix one moment of store and state: clones of the tables, and a copy of the state database."""
        if not self._settle(_SETTLE_SECONDS):
            raise Unavailable("the engine is behind with what was acknowledged; try again later", retry_after=60)
        temporary = tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=self._data)
        with temporary as directory, ExitStack() as after:
            copy = Path(directory, STATE)
            with ExitStack() as pinned:
                with self._store.paused():
                    after.callback(self._drop_clones)
                    for table, clone in _CLONES.items():
                        self._store.manage(f"CREATE TABLE {clone} CLONE AS {table}")
                    connection = pinned.enter_context(self._state.read())
                    self._state.pin(connection)
                    made_at = moment(self._clock.now_ns())
                self._state.copy(connection, copy)
            yield made_at, copy

    def _save_logs(self, target: Place, entry: str, base: Manifest | None) -> None:
        on = f" SETTINGS base_backup = {target.engine(f'{base.id}/{LOGS}')}" if base else ""
        to = target.engine(f"{entry}/{LOGS}")
        try:
            tables = ", ".join(f"TABLE {clone} AS {table}" for table, clone in _CLONES.items())
            self._store.manage(f"BACKUP {tables}, TABLE migrations TO {to}{on}")
        except Problem as problem:
            raise Unavailable(f"the engine couldn't write the backup to {target.name}: {problem}") from problem

    def _drop_clones(self) -> None:
        for clone in _CLONES.values():
            self._store.manage(f"DROP TABLE IF EXISTS {clone} SYNC")

    def _clean(self) -> None:
        """Remove what a backup left that was cut off by the process's end."""
        self._drop_clones()
        for left in self._data.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(left, ignore_errors=True)


def listed(target: Place) -> list[tuple[str, Manifest | Problem]]:
    """List backups by name, oldest first: each with its manifest, or with why it can't be used."""
    found: list[tuple[str, Manifest | Problem]] = []
    for entry in target.entries():
        try:
            found.append((entry, usable(target, entry)))
        except Problem as problem:
            found.append((entry, problem))
    return found


def usable(target: Place, entry: str) -> Manifest:
    """Read the manifest of a backup that can be restored. Raises NotFound or BadInput naming what is wrong."""
    found = manifest.read(target, entry)
    if found.base is not None:
        try:
            manifest.read(target, found.base)
        except Problem as problem:
            raise BadInput(f"backup {entry} builds on {found.base}, which can't be used: {problem}") from None
    return found


def newest(target: Place) -> Manifest:
    """Find the newest backup that can be restored. Raises BadInput."""
    whole = [one for _, one in listed(target) if isinstance(one, Manifest)]
    if not whole:
        raise BadInput(f"there is no whole backup in {target.name}")
    return whole[-1]


def _newest_full(target: Place) -> Manifest:
    full = [one for _, one in listed(target) if isinstance(one, Manifest) and one.base is None]
    if not full:
        raise BadInput(f"there is no full backup in {target.name} to build on: make one without --incremental")
    return full[-1]


def _save(target: Place, entry: str, base: Manifest | None, data: Path, state: Path) -> Iterator[File]:
    """Save the files beside the log store; one that the base has already isn't copied again, one that went isn't."""
    had = {(one.path, one.sha256): one for one in base.files} if base else {}
    for path, source in [(STATE, state), *((str(one.relative_to(data)), one) for one in _files(data))]:
        with suppress(FileNotFoundError):
            mode = source.stat().st_mode & 0o777
            known = had.get((path, _digest(source))) if had else None
            if known is not None:
                yield msgspec.structs.replace(known, mode=mode)
                continue
            size, digest = target.put(source, f"{entry}/{FILES}/{path}")
            yield File(path=path, mode=mode, size=size, sha256=digest, backup=entry)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(data: Path) -> Iterator[Path]:
    """Choose what is saved file by file."""
    for top in sorted(data.iterdir()):
        if top.name not in LEFT_OUT and not top.name.startswith("."):
            yield from _walk(top)
    yield from _walk(data / DEAD)


def _walk(path: Path) -> Iterator[Path]:
    """Go through a directory, which is in use: each one is looked into only when it is its turn.

    Files come before directories, and those by name: of the ledger its journal before the log that it goes to, and
    the checkpoint before the tiles, so that nothing can move out of sight. Large events come after what points to them.
    """
    if path.is_file():
        yield path
    elif path.is_dir() and not path.is_symlink():
        for one in sorted(path.iterdir(), key=lambda one: (one.is_dir(), one.name == "large", one.name)):
            yield from _walk(one)
