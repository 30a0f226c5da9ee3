"""The state database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from wardlight.incidents import tables
from wardlight.problems import BadConfig, Unavailable
from wardlight.store.schema import Migration
from wardlight.store.state import Instant, State

FIRST = Migration(1, "notes", ("CREATE TABLE notes (at BIGINT, note TEXT)",))
SECOND = Migration(2, "who", ("ALTER TABLE notes ADD COLUMN who TEXT",))
BROKEN = Migration(2, "half", ("ALTER TABLE notes ADD COLUMN who TEXT", "NONSENSE"))

notes = sa.Table("notes", sa.MetaData(), sa.Column("at", Instant), sa.Column("note", sa.Text))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "data" / "state.db")
    state.migrate("notes", [FIRST])
    yield state
    state.close()


def columns(state: State) -> list[str]:
    with state.read() as connection:
        return [column["name"] for column in sa.inspect(connection).get_columns("notes")]


def test_only_its_owner_can_read_it(state: State, tmp_path: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


def test_a_commit_is_synced_to_disk(state: State) -> None:
    with state.write() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]


def test_a_step_runs_once(state: State) -> None:
    state.migrate("notes", [FIRST, SECOND])
    state.migrate("notes", [FIRST, SECOND])
    assert columns(state) == ["at", "note", "who"]


def test_a_step_that_fails_leaves_nothing(state: State) -> None:
    with pytest.raises(Unavailable):
        state.migrate("notes", [FIRST, BROKEN])
    assert columns(state) == ["at", "note"]
    state.migrate("notes", [FIRST, SECOND])


def test_a_newer_database_is_refused(state: State) -> None:
    state.migrate("notes", [FIRST, SECOND])
    with pytest.raises(BadConfig, match="of version 2, written by a newer Wardlight"):
        state.migrate("notes", [FIRST])


def test_a_failed_transaction_leaves_nothing(state: State) -> None:
    with pytest.raises(Unavailable), state.write() as connection:
        connection.execute(sa.insert(notes), [{"note": "half"}, {"note": object()}])
    with state.read() as connection:
        assert connection.execute(sa.select(notes)).all() == []


@pytest.mark.parametrize(
    "moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 1, UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_a_moment_comes_back_to_the_microsecond(state: State, moment: datetime) -> None:
    with state.write() as connection:
        connection.execute(sa.insert(notes).values(at=moment))
    with state.read() as connection:
        assert connection.scalar(sa.select(notes.c.at)) == moment


def test_a_damaged_file_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(Unavailable, match="not a database"):
        State(tmp_path / "state.db")


def test_the_steps_lead_to_the_tables_that_the_code_knows(state: State) -> None:
    state.migrate("incidents", tables.MIGRATIONS)
    with state.read() as connection:
        inspector = sa.inspect(connection)
        for table in (tables.incidents, tables.alerts, tables.events, tables.watchdogs):
            made = [column["name"] for column in inspector.get_columns(table.name)]
            assert made == [column.name for column in table.columns]
