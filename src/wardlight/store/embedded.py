"""The embedded engine: chDB, ClickHouse inside this process. One process owns the directory.

Durability: an insert is fsynced, file and directory, before it returns. A batch that spans partitions
is inserted partition by partition; if we die between two of them, nobody was told that it is stored.
"""

from __future__ import annotations

import fcntl
import os
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pyarrow as pa

# The engine's allocator reads this when it is loaded: what an insert or a merge has freed goes back after a second, not
# after five (docs/decisions/0011).
os.environ.setdefault("JE_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0")

from chdb.session import Session

from wardlight.problems import BadConfig, Conflict, Unavailable
from wardlight.records import Protected
from wardlight.store import Limits, Table, Where
from wardlight.store.dialect import by_partition, columns, comment, explained, settings, write_arrow
from wardlight.store.params import Param, bind
from wardlight.store.schema import ENGINE_CONFIG, HAS_TEXT_INDEX, MIGRATIONS, TEXT_INDEX, VERSIONS

_WRITERS = 2
"""Inserts at a time: one alone leaves a core idle while nothing is merged."""
_MERGE_NICENESS = 10
"""More than that of others."""


class EmbeddedStore:
    """A `LogStore` on local disk under `directory`, made at first use."""

    where = Where()

    def __init__(self, directory: Path, *, text_index: bool = True, readers: int = 4, migrate: bool = True) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _own(directory)
        self._address = _engine_address(directory)
        self._control = _open(self._address)
        self._control_lock = threading.Lock()
        self._writers: queue.SimpleQueue[Session] = queue.SimpleQueue()
        for _ in range(_WRITERS):
            self._writers.put(_open(self._address))
        self._pausing = threading.Lock()
        self._readers: queue.SimpleQueue[Session] = queue.SimpleQueue()
        self._reader_count = readers
        for _ in range(readers):
            self._readers.put(_open(self._address))
        self._closed = False
        self._managing = 0
        self._managed = threading.Condition()
        if migrate:
            self._migrate(text_index)
        _merge_when_idle()

    def insert(self, batches: Iterable[Protected], token: str = "", table: Table = "logs") -> None:
        """Write batches partition by partition; on return they are on disk. A known token is skipped."""
        with ExitStack() as files:
            ready = [
                (partition, columns(part), files.enter_context(_readable(part)))
                for partition, part in _one_by_one(by_partition(batches, table))
            ]
            with _borrowed(self._writers) as writer:
                if self._closed:
                    raise Unavailable("the log store is closed")
                for partition, names, file in ready:
                    _insert(writer, file, names, f"{token}.{partition}" if token else "", table)
                    file.close()

    def select(
        self, sql: str, params: Mapping[str, Param] | None = None, *, limits: Limits = Limits(), tag: str = ""
    ) -> pa.Table:
        """Run one SELECT with bound parameters on a session of its own."""
        bound = {name: bind(value) for name, value in (params or {}).items()}
        with self._reader() as session, _explained():
            return session.query(f"{sql}\n{_clause(limits, tag)}", "ArrowTable", params=bound)

    def cancel(self, tag: str) -> None:
        """Stop the running queries that carry this tag."""
        sql = "KILL QUERY WHERE Settings['log_comment'] = {tag:String} ASYNC"
        with self._control_lock, _explained():
            if not self._closed:
                self._control.query(sql, params={"tag": bind(comment(tag))})

    def manage(self, statement: str, params: Mapping[str, Param] | None = None) -> None:
        """Run one administrative statement on a session of its own."""
        bound = {name: bind(value) for name, value in (params or {}).items()}
        with self._manager() as session, _explained():
            session.query("SET log_comment = 'wardlight:manage'")
            session.query(statement, params=bound)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold inserts back."""
        with self._all_writers():
            yield

    def close(self) -> None:
        """Stop queries, wait for running inserts, release the directory. A second call does nothing."""
        with self._all_writers() as writers, self._control_lock:
            if self._closed:
                return
            self._closed = True
            # A process that exits while a query runs dies of a segmentation fault: stop them, collect all sessions.
            self._control.query("KILL QUERY WHERE Settings['log_comment'] LIKE 'wardlight%' ASYNC")
            with self._managed:
                self._managed.wait_for(lambda: not self._managing, timeout=30)
            for _ in range(self._reader_count):
                self._readers.get(timeout=30).close()
            for writer in writers:
                writer.close()
            self._control.close()
            self._lock.close()

    def _migrate(self, text_index: bool) -> None:
        """Run the steps that this directory hasn't seen."""
        control = self._control
        with _explained():
            control.query(VERSIONS)
            rows = control.query("SELECT max(version) AS version FROM migrations", "ArrowTable").to_pylist()
            if rows[0]["version"] > MIGRATIONS[-1].version:
                raise BadConfig(f"the log store is of version {rows[0]['version']}, written by a newer Wardlight")
            for step in MIGRATIONS:
                if step.version > rows[0]["version"]:
                    for statement in step.statements:
                        control.query(statement)
                    control.query(f"INSERT INTO migrations (version) VALUES ({step.version:d})")  # noqa: S608 -- a number of ours  # nosec B608
            # Dropping an index that isn't there would be a mutation all the same, for which a full disk has no room.
            if control.query(HAS_TEXT_INDEX.format(table="logs"), "ArrowTable").to_pylist()[0]["has"] != text_index:
                control.query(f"{TEXT_INDEX[text_index].format(table='logs')} SETTINGS alter_sync = 0")

    @contextmanager
    def _all_writers(self) -> Iterator[Sequence[Session]]:
        with self._pausing, ExitStack() as borrowed:
            yield [borrowed.enter_context(_borrowed(self._writers)) for _ in range(_WRITERS)]

    @contextmanager
    def _manager(self) -> Iterator[Session]:
        """Open a session for a statement that may run long; closing waits for it."""
        with self._managed:
            if self._closed:
                raise Unavailable("the log store is closed")
            self._managing += 1
        try:
            session = _open(self._address)
            try:
                yield session
            finally:
                session.close()
        finally:
            with self._managed:
                self._managing -= 1
                self._managed.notify_all()

    @contextmanager
    def _reader(self) -> Iterator[Session]:
        """Borrow a reading session; waits for a free one.

        A session whose query failed is replaced: the engine may hand what that query had written to the next one.
        """
        if self._closed:
            raise Unavailable("the log store is closed")
        session = self._readers.get()
        try:
            yield session
        except BaseException:
            session.close()
            session = _open(self._address)
            raise
        finally:
            self._readers.put(session)


@contextmanager
def _borrowed(sessions: queue.SimpleQueue[Session]) -> Iterator[Session]:
    session = sessions.get()
    try:
        yield session
    finally:
        sessions.put(session)


def _insert(writer: Session, file: IO[bytes], names: Sequence[str], token: str, table: Table) -> None:
    """Insert rows of one partition as one block."""
    # Without a token nothing is taken for a repetition: two equal batches are two.
    same = f"insert_deduplication_token = '{token}'" if token else "deduplicate_insert = 'disable'"
    # Not by `send_insert`: its `finish` returns as if all were well when the disk is full.
    with _explained():
        writer.query(
            f"INSERT INTO {table} ({', '.join(names)}) FROM INFILE '/dev/fd/{file.fileno()}' COMPRESSION 'none' "
            f"SETTINGS {same} FORMAT ArrowStream"
        )


def _merge_when_idle() -> None:
    """Let the engine's merging threads make way for all others: merging can wait, records that come in can't.

    The engine has a setting for it, which does nothing in a process that may not lower its niceness again.
    """
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError):
            if (task / "comm").read_text() == "MergeMutate\n":
                os.setpriority(os.PRIO_PROCESS, int(task.name), os.nice(0) + _MERGE_NICENESS)


def _one_by_one(parts: dict[int, list[pa.RecordBatch]]) -> Iterator[tuple[int, list[pa.RecordBatch]]]:
    """Hand out what partitions get, and let go of it: what is in a file needn't be held a second time."""
    while parts:
        yield parts.popitem()


def _readable(batches: Sequence[pa.RecordBatch]) -> IO[bytes]:
    """Write batches to a file that only this process can name; where there are memory files, it is one."""
    file = os.fdopen(os.memfd_create("insert"), "w+b") if hasattr(os, "memfd_create") else TemporaryFile()  # noqa: SIM115
    write_arrow(batches, pa.PythonFile(file, mode="w"))
    file.flush()
    file.seek(0)
    return file


def _own(directory: Path) -> IO[str]:
    """Take the directory for this process; raises Conflict naming the process that has it."""
    lock = (directory / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise Conflict(f"{directory} is in use by another Wardlight server (process {holder})") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _engine_address(directory: Path) -> str:
    """Write the engine's configuration; return the connection string."""
    config = directory / "engine.xml"
    config.write_text(ENGINE_CONFIG)
    return f"{directory / 'data'}?config-file={config}"


def _open(address: str) -> Session:
    with _explained():
        return Session(address)


def _clause(limits: Limits, tag: str) -> str:
    """Write a query's limits as its SETTINGS clause: numbers, and a tag that is checked."""
    written = (
        f"{name} = '{value}'" if isinstance(value, str) else f"{name} = {value}"
        for name, value in settings(limits, tag).items()
    )
    return f"SETTINGS {', '.join(written)}"


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the engine's errors into problems of ours; tracebacks don't show them either, as they quote values."""
    try:
        yield
    except RuntimeError as error:
        raise explained(str(error)) from None
