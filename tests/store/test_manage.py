"""Administrative statements: stopped by closing, and the same for one machine and a cluster."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from tests.conftest import NOW, batch

from wardlight.clock import moment
from wardlight.problems import Cancelled, Problem, Unavailable
from wardlight.store import Where
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.holds import Held
from wardlight.store.partitions import Partition, drop, partitions, reduce, reducing

CLUSTER = Where(cluster="clinic", local=False)


def test_closing_stops_a_statement_that_runs(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, readers=1)
    said: list[Problem] = []

    def run() -> None:
        try:
            store.manage("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)")
        except Problem as problem:
            said.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.5)
    store.close()
    thread.join(20)
    assert [type(problem) for problem in said] == [Cancelled]
    with pytest.raises(Unavailable, match="closed"):
        store.manage("SELECT 1")


def test_inserts_wait_while_paused(store: EmbeddedStore) -> None:
    thread = threading.Thread(target=store.insert, args=([batch("later")],))
    with store.paused():
        thread.start()
        time.sleep(0.2)
        assert partitions(store) == ()
    thread.join(20)
    assert [part.records for part in partitions(store)] == [1]


class Recorder:
    """Takes statements down, and lets the real engine say whether it can read them."""

    def __init__(self, engine: EmbeddedStore) -> None:
        self.engine = engine
        self.where = CLUSTER
        self.read: list[str] = []

    def manage(self, sql: str, params: object = None) -> None:
        self.select(sql, params)

    def select(self, sql: str, params: object = None, **_: object) -> object:
        (row,) = self.engine.select("SELECT formatQuerySingleLine({sql:String}) AS sql", {"sql": sql}).to_pylist()
        self.read.append(row["sql"])
        return self.engine.select("SELECT 0 AS n WHERE 0 UNION ALL SELECT 0")


def test_on_a_cluster_the_local_tables_of_every_server_are_meant(store: EmbeddedStore) -> None:
    recorder = Recorder(store)
    day = moment(NOW)
    part = Partition(
        kind="audit", day=day.date(), records=1, bytes=1, raw_bytes=1, parts=1, oldest=day, newest=day
    )  # fmt: skip
    drop(recorder, part)  # type: ignore[arg-type]
    reduce(recorder, part, Held(users=("ann",)))  # type: ignore[arg-type]
    reducing(recorder)  # type: ignore[arg-type]
    first, second, third = recorder.read
    assert first.startswith("ALTER TABLE logs_local ON CLUSTER clinic")
    assert "DROP PARTITION" in first
    assert second.startswith("ALTER TABLE logs_local ON CLUSTER clinic")
    assert "DELETE IN PARTITION" in second
    assert "cluster('clinic', system.mutations)" in third
