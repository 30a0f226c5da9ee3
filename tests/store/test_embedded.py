"""The embedded engine keeps what it is given and refuses what it must."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tests.conftest import batch

from wardlight.problems import Conflict, Unavailable
from wardlight.store.embedded import EmbeddedStore

DAY = 86_400_000_000_000


def lines(store: EmbeddedStore) -> list[str]:
    return [row["body"] for row in store.select("SELECT body FROM logs ORDER BY ts, body").to_pylist()]


def reopen(store: EmbeddedStore) -> None:
    store.__init__(Path(store._lock.name).parent)  # type: ignore[misc]


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


def test_of_two_statements_none_changes_anything(store: EmbeddedStore) -> None:
    store.insert([batch("kept")])
    with pytest.raises(Exception, match=r"."):
        store.select("SELECT 1; DROP TABLE logs")
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


def test_the_engine_keeps_no_log_of_what_was_asked(store: EmbeddedStore) -> None:
    store.select("SELECT count() FROM logs WHERE patient_id = {patient:String}", {"patient": "MRN-1"})
    store.manage("SYSTEM FLUSH LOGS")
    kept = store.select("SELECT name FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'")
    assert kept.to_pylist() == []


def test_inserts_run_side_by_side(store: EmbeddedStore) -> None:
    threads = [threading.Thread(target=store.insert, args=([batch(f"line {n}")], f"t-{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(lines(store)) == [f"line {n}" for n in range(8)]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux has a niceness for each thread")
def test_merging_makes_way_for_inserts(store: EmbeddedStore) -> None:
    tasks = [task for task in Path("/proc/self/task").glob("*") if (task / "comm").read_text() == "MergeMutate\n"]
    assert tasks
    assert all(os.getpriority(os.PRIO_PROCESS, int(task.name)) > os.nice(0) for task in tasks)
    assert store.select("SELECT 1 AS one").num_rows == 1
