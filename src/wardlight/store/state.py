"""The state database: what people decide and what happened to it (incidents, later users and rounds).

SQLite in WAL mode with synchronous=FULL: a committed transaction is on disk. Its file is readable by its owner only.
Statements keep to the SQL that SQLite and PostgreSQL share.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from wardlight.problems import BadConfig, Unavailable
from wardlight.store.schema import Migration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_migrations = sa.Table(
    "migrations",
    sa.MetaData(),
    sa.Column("room", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)


class Instant(sa.TypeDecorator[datetime]):
    """A moment: an aware `datetime` in Python, microseconds since 1970 UTC in the database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        """Write it as microseconds."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Read it back, in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class State:
    """The state database in one file, made at first use."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.chmod(0o600)
        self._engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
        sa.event.listen(self._engine, "connect", _prepare)
        sa.event.listen(self._engine, "begin", _begin)
        with self.write() as connection:
            _migrations.create(connection, checkfirst=True)

    def migrate(self, room: str, steps: Sequence[Migration]) -> None:
        """Bring a room's tables up to date: run the steps this database hasn't seen, all or none.

        Raises BadConfig when a newer Wardlight has written it.
        """
        with self.write() as connection:
            done = sa.select(sa.func.max(_migrations.c.version)).where(_migrations.c.room == room)
            seen = connection.scalar(done) or 0
            if seen > steps[-1].version:
                raise BadConfig(f"the state database's {room} are of version {seen}, written by a newer Wardlight")
            for step in steps:
                if step.version > seen:
                    for statement in step.statements:
                        connection.exec_driver_sql(statement)
                    connection.execute(sa.insert(_migrations).values(room=room, version=step.version))

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Look at one consistent moment. Raises Unavailable."""
        with _explained(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Change things as the only writer; on leaving all of it is on disk, or none. Raises Unavailable."""
        with _explained(), self._engine.connect() as connection:
            exclusive = connection.execution_options(wardlight_begin="BEGIN IMMEDIATE")
            with exclusive.begin():
                yield exclusive

    def copy(self, connection: sa.Connection, path: Path) -> None:
        """Write the moment that a connection of `read` sees to a new file, readable by its owner only."""
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as target:
            connection.connection.driver_connection.backup(target)  # type: ignore[union-attr]

    def pin(self, connection: sa.Connection) -> None:
        """Let a connection of `read` see this moment from now on; otherwise that of its first statement."""
        connection.exec_driver_sql("SELECT count(*) FROM migrations")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _prepare(connection: Any, _record: object) -> None:
    """Set a new connection up; SQLAlchemy, not the driver, begins transactions."""
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("wardlight_begin", "BEGIN"))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the engine's failures into a problem of ours; its message holds no value."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise Unavailable(f"the state database failed: {error.orig}") from error
