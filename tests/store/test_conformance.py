"""What every engine must do, run on each: the embedded one, and ClickHouse's real client against its HTTP interface."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from tests.conftest import NOW, batch

from wardlight.problems import BadInput, Cancelled, TimedOut, TooLarge, Unavailable
from wardlight.records import Decoded
from wardlight.store import Limits, LogStore
from wardlight.store.clickhouse import ClickHouseStore
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.months import drop_month, empty, months, oldest_received
from wardlight.store.schema import cluster_migrations

DAY = 86_400_000_000_000
FOREVER = "SELECT sum(sipHash64(number)) AS n FROM numbers(1000000000000)"


@pytest.fixture(scope="module", params=["embedded", "clickhouse"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStore]:
    directory = tmp_path_factory.mktemp("engine")
    if request.param == "embedded":
        embedded = EmbeddedStore(directory)
        yield embedded
        embedded.close()
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = Path(__file__).with_name("clickhouse_shim.py")
    shim = subprocess.Popen([sys.executable, str(script), str(directory), str(port)])
    try:
        yield connected(f"http://default:@127.0.0.1:{port}/default")
    finally:
        shim.kill()
        shim.wait()


def connected(url: str) -> LogStore:
    for _ in range(100):
        try:
            return ClickHouseStore(url)
        except Unavailable:
            time.sleep(0.1)
    pytest.fail("the shim doesn't answer")


@pytest.fixture
def store(engine: LogStore) -> LogStore:
    for table in ("logs", "audit"):
        engine.manage(f"TRUNCATE TABLE {table}")
    return engine


def bodies(store: LogStore) -> list[str]:
    found: list[str] = store.select("SELECT body FROM logs ORDER BY ts, body")["body"].to_pylist()
    return found


def test_every_column_comes_back_as_it_was(store: LogStore) -> None:
    rows = batch("é\t\\\n'\"", kind="audit", app="a")
    store.insert([rows])
    names = ", ".join(rows.schema.names)
    (row,) = store.select(f"SELECT {names} FROM logs").to_pylist()
    (given,) = rows.to_pylist()
    assert row | {"ts": row["ts"].value} == given | {"ts": NOW}


def test_batches_may_span_kinds_and_days(store: LogStore) -> None:
    store.insert([batch("mon", "tue", "wed", step=DAY), batch("audit", kind="audit", ts=NOW + 1)])
    assert bodies(store) == ["mon", "audit", "tue", "wed"]


def test_a_token_is_written_once(store: LogStore) -> None:
    for _ in range(2):
        store.insert([batch("mon", "tue", step=DAY)], token="t1")
    store.insert([batch("other")], token="t2")
    assert bodies(store) == ["mon", "other", "tue"]


def test_without_a_token_equal_batches_are_two(store: LogStore) -> None:
    for _ in range(2):
        store.insert([batch("same")])
    assert bodies(store) == ["same", "same"]


def events(*recorded: int) -> Decoded:
    """Make rows of the table `audit`, whose columns are of the room above."""
    at = pa.array(recorded, pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
    users = pa.array([[f"user {number}", "it's"] for number in range(len(recorded))])
    columns = {"idx": pa.array(range(len(recorded)), pa.uint64()), "recorded": at, "users": users}
    return Decoded(pa.RecordBatch.from_pydict(columns))


def test_the_audit_trail_is_a_table_of_its_own_in_months(store: LogStore) -> None:
    store.insert([events(NOW, NOW - DAY, NOW - 40 * DAY)], table="audit")
    assert [(one.partition, one.events) for one in months(store)] == [("202511", 1), ("202512", 1), ("202601", 1)]
    found = store.select("SELECT idx FROM audit WHERE has(users, {user:String})", {"user": "user 1"})
    assert found["idx"].to_pylist() == [1]
    assert bodies(store) == []


def test_a_token_is_written_once_into_each_table(store: LogStore) -> None:
    for _ in range(2):
        store.insert([events(NOW, NOW - 40 * DAY)], token="t3", table="audit")
        store.insert([batch("line")], token="t3")
    assert sum(one.events for one in months(store)) == 2
    assert bodies(store) == ["line"]


def test_a_month_is_dropped_by_itself(store: LogStore) -> None:
    store.insert([events(NOW, NOW - 40 * DAY)], table="audit")
    drop_month(store, months(store)[0])
    assert [one.partition for one in months(store)] == ["202601"]
    assert oldest_received(store) is not None
    empty(store)
    assert oldest_received(store) is None


@pytest.mark.parametrize(
    "word", ["plain", "tab\there", "back\\slash", "quote'", 'q"', "new\nline", "é𝄞", "", "{a:String}"]
)
def test_bound_values_come_back_unchanged(store: LogStore, word: str) -> None:
    sql = "SELECT {a:String} AS a, {b:Array(String)} AS b, {d:Int64} AS d"
    (row,) = store.select(sql, {"a": word, "b": [word, "x"], "d": -(2**63)}).to_pylist()
    assert (row["a"], row["b"], row["d"]) == (word, [word, "x"], -(2**63))


def test_a_query_ends_at_its_limit_of_seconds(store: LogStore) -> None:
    with pytest.raises(TimedOut, match=r"query\.max_seconds"):
        store.select(FOREVER, limits=Limits(seconds=0.2))


def test_a_query_ends_at_its_limit_of_rows(store: LogStore) -> None:
    with pytest.raises(TooLarge, match="rows"):
        store.select("SELECT number FROM numbers(100000)", limits=Limits(result_rows=10))


def test_a_query_ends_at_its_limit_of_memory(store: LogStore) -> None:
    with pytest.raises(TooLarge, match=r"query\.max_memory_bytes"):
        store.select("SELECT groupArray(number) FROM numbers(100000000)", limits=Limits(memory_bytes=50_000_000))


def test_a_query_can_be_cancelled(store: LogStore) -> None:
    threading.Timer(0.3, store.cancel, ["mine"]).start()
    with pytest.raises(Cancelled):
        store.select(FOREVER, tag="mine")


def test_a_tag_is_no_way_into_the_query(store: LogStore) -> None:
    with pytest.raises(BadInput):
        store.select("SELECT 1", tag="x' FORMAT Null --")


@pytest.mark.parametrize("sql", ["INSERT INTO logs (body) SELECT 'x'", "DROP TABLE logs", "SET readonly = 0"])
def test_a_query_can_change_nothing(store: LogStore, sql: str) -> None:
    store.insert([batch("kept")])
    with pytest.raises(Exception, match=r"."):
        store.select(sql)
    assert bodies(store) == ["kept"]


def test_an_error_shows_no_log_line(store: LogStore) -> None:
    store.insert([batch("the patient's name")])
    with pytest.raises(Exception, match="log store failed") as raised:
        store.select("SELECT throwIf(1, concat(body, '')) FROM logs")
    assert "patient" not in str(raised.value)


def test_the_clusters_tables_are_sql_that_the_engine_reads(module_store: EmbeddedStore) -> None:
    for step in cluster_migrations("wards"):
        for statement in step.statements:
            (row,) = module_store.select("SELECT formatQuery({sql:String}) AS sql", {"sql": statement}).to_pylist()
            assert "ON CLUSTER wards" in row["sql"]
            assert "Replicated" in row["sql"] or "Distributed" in row["sql"]
