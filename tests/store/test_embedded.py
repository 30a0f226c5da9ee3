"""The embedded engine keeps what it is given and refuses what it must."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from tests.conftest import batch

from wardlight.problems import BadInput, Cancelled, Conflict, TimedOut, TooLarge, Unavailable
from wardlight.store import Limits
from wardlight.store.embedded import EmbeddedStore

DAY = 86_400_000_000_000


def lines(store: EmbeddedStore) -> list[str]:
    return [row["body"] for row in store.select("SELECT body FROM logs ORDER BY ts, body").to_pylist()]


def reopen(store: EmbeddedStore) -> None:
    store.__init__(Path(store._lock.name).parent)  # type: ignore[misc]


def test_what_was_inserted_is_there(store: EmbeddedStore) -> None:
    store.insert([batch("a", "b")])
    assert lines(store) == ["a", "b"]


def test_a_batch_may_span_kinds_and_days(store: EmbeddedStore) -> None:
    store.insert([batch("monday", "tuesday", "wednesday", step=DAY)])
    store.insert([batch("audit", kind="audit")])
    parts = store.select("SELECT DISTINCT partition FROM system.parts WHERE active AND table = 'logs'")
    assert parts.num_rows == 4


def test_it_is_still_there_after_closing(tmp_path: Path, module_store: EmbeddedStore) -> None:
    module_store.close()
    first = EmbeddedStore(tmp_path)
    first.insert([batch("kept")])
    first.close()
    again = EmbeddedStore(tmp_path, text_index=False)
    assert lines(again) == ["kept"]
    again.close()
    reopen(module_store)


def test_a_second_owner_is_refused_with_the_process_that_has_it(store: EmbeddedStore) -> None:
    with pytest.raises(Conflict, match="in use by another Wardlight server"):
        EmbeddedStore(Path(store._lock.name).parent)


def test_a_query_ends_at_its_limit_of_seconds(store: EmbeddedStore) -> None:
    with pytest.raises(TimedOut, match=r"query\.max_seconds"):
        store.select("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)", limits=Limits(seconds=0.2))


def test_a_query_ends_at_its_limit_of_rows(store: EmbeddedStore) -> None:
    with pytest.raises(TooLarge, match="rows"):
        store.select("SELECT number FROM numbers(100000)", limits=Limits(result_rows=10))


def test_a_query_ends_at_its_limit_of_memory(store: EmbeddedStore) -> None:
    with pytest.raises(TooLarge, match=r"query\.max_memory_bytes"):
        store.select("SELECT groupArray(number) FROM numbers(100000000)", limits=Limits(memory_bytes=50_000_000))


def test_a_query_can_be_cancelled(store: EmbeddedStore) -> None:
    def cancel() -> None:
        time.sleep(0.3)
        store.cancel("mine")

    threading.Thread(target=cancel).start()
    with pytest.raises(Cancelled):
        store.select("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)", tag="mine")


def test_a_tag_is_no_way_into_the_query(store: EmbeddedStore) -> None:
    with pytest.raises(BadInput):
        store.select("SELECT 1", tag="x' FORMAT Null --")


@pytest.mark.parametrize(
    "sql", ["INSERT INTO logs (body) SELECT 'x'", "DROP TABLE logs", "SELECT 1; DROP TABLE logs", "SET readonly = 0"]
)
def test_a_query_can_change_nothing(store: EmbeddedStore, sql: str) -> None:
    store.insert([batch("kept")])
    with pytest.raises(Exception, match=r"."):
        store.select(sql)
    assert lines(store) == ["kept"]


def test_a_closed_store_says_so(module_store: EmbeddedStore) -> None:
    module_store.close()
    module_store.close()
    with pytest.raises(Unavailable):
        module_store.select("SELECT 1")
    with pytest.raises(Unavailable):
        module_store.insert([batch("late")])
    reopen(module_store)


def test_a_query_that_failed_half_way_leaves_nothing_to_the_next(store: EmbeddedStore) -> None:
    for _ in range(8):
        with pytest.raises(Exception, match="log store failed"):
            store.select("SELECT number, throwIf(number = 50000) FROM numbers(100000)")
        assert store.select("SELECT 1 AS one").to_pylist() == [{"one": 1}]
