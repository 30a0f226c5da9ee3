"""The projection brings each entry of the ledger into both tables, once, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from prometheus_client import CollectorRegistry
from tests.audit.conftest import Begin
from tests.audit.projecting import DAY, append, entry, in_audit, in_logs, wait_until
from tests.conftest import NOW, batch

from wardlight.audit import writer as module
from wardlight.audit.projection import Projection
from wardlight.audit.table import batch as rows_of_audit
from wardlight.audit.tables import SeenKey, recent_keys
from wardlight.ledger import Ledger
from wardlight.problems import BadInput, Unavailable
from wardlight.records import Decoded
from wardlight.store import Table
from wardlight.store.embedded import EmbeddedStore

MONTHS = [NOW - days * DAY for days in (0, 40, 80, 1)]


class Faulty:
    """A store that fails at inserts that a test chooses, before they are done or after."""

    def __init__(self, store: EmbeddedStore, fails: Callable[[Table, int], str]) -> None:
        self.store = store
        self.fails = fails
        self.inserts = 0
        self.problem: Exception = Unavailable("the engine is away")

    def insert(self, batches: Sequence[Decoded], token: str = "", table: Table = "logs") -> None:
        self.inserts += 1
        when = self.fails(table, self.inserts)
        if when == "before":
            raise self.problem
        self.store.insert(batches, token, table)
        if when == "after":
            raise self.problem

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


def metric(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"wardlight_audit_projection_{name}", labels)


def whole(ledger: Ledger, store: EmbeddedStore) -> bool:
    expected = list(range(ledger.size))
    return in_audit(store) == expected and in_logs(store) == expected


def test_what_was_acknowledged_is_there_after_settling(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    projection = begin()
    for first in (0, 5):
        append(ledger, [entry(first + at, MONTHS[at % 4]) for at in range(5)])
        assert projection.settle()
        assert whole(ledger, trail)


def test_it_goes_on_where_it_was(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    append(ledger, map(entry, range(3)))
    assert begin().settle()
    append(ledger, map(entry, range(3, 7)))
    assert begin().settle()
    assert whole(ledger, trail)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("where", [(table, nth) for table in ("logs", "audit") for nth in (1, 2, 3)])
def test_an_insert_that_fails_once_changes_nothing(
    ledger: Ledger, trail: EmbeddedStore, begin: Begin, when: str, where: tuple[Table, int]
) -> None:
    table, nth = where
    seen: list[Table] = []

    def fails(name: Table, _at: int) -> str:
        seen.append(name)
        return when if name == table and seen.count(name) == nth else ""

    append(ledger, [entry(at, MONTHS[at % 4]) for at in range(8)])
    assert begin(Faulty(trail, fails)).settle()
    assert whole(ledger, trail)


@pytest.mark.parametrize("died_at", range(1, 8))
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_process_left_half_written_the_next_one_finishes(
    ledger: Ledger, trail: EmbeddedStore, begin: Begin, died_at: int, when: str
) -> None:
    append(ledger, [entry(at) for at in range(4)])
    assert begin().settle()
    append(ledger, [entry(at, MONTHS[at % 4]) for at in range(4, 12)])
    dying = Faulty(trail, lambda _table, at: "" if at < died_at else when if at == died_at else "before")
    begin(dying)
    wait_until(lambda: dying.inserts > died_at)
    append(ledger, [entry(at, MONTHS[at % 4]) for at in range(12, 15)])
    assert begin().settle()
    assert whole(ledger, trail)


def test_an_engine_that_is_away_is_waited_for(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    registry = CollectorRegistry()
    store = Faulty(trail, lambda _table, at: "before" if at < 5 else "")
    append(ledger, map(entry, range(3)))
    assert begin(store, registry).settle()
    assert whole(ledger, trail)
    assert metric(registry, "failures_total") == 4
    assert metric(registry, "entries_total") == 3
    assert metric(registry, "lag_entries") == 0


def test_settling_gives_up_after_its_seconds(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    append(ledger, [entry(0)])
    assert not begin(Faulty(trail, lambda _table, _at: "before")).settle(0.1)


class Choosy(Faulty):
    """A store that refuses what has a certain index."""

    def insert(self, batches: Sequence[Decoded], token: str = "", table: Table = "logs") -> None:
        if table == "audit" and any(5 in rows["idx"].to_pylist() for rows in batches):
            raise BadInput("no fives")
        self.store.insert(batches, token, table)


def test_an_event_that_the_engine_refuses_stops_no_other(
    ledger: Ledger, trail: EmbeddedStore, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    append(ledger, [entry(at, MONTHS[at % 4]) for at in range(12)])
    assert begin(Choosy(trail, lambda _table, _at: ""), registry).settle()
    assert in_audit(trail) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert in_logs(trail) == list(range(12))
    assert "entries [5]" in caplog.text
    assert metric(registry, "refused_total", table="audit") == 1


def test_an_event_that_cant_be_made_a_row_stops_no_other(
    ledger: Ledger, trail: EmbeddedStore, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(entries: module.Numbered) -> object:
        if any(index == 1 for index, _ in entries):
            raise TypeError
        return rows_of_audit(entries)

    monkeypatch.setitem(module._MAKE, "audit", odd)
    append(ledger, map(entry, range(4)))
    assert begin().settle()
    assert in_audit(trail) == [0, 2, 3]
    monkeypatch.undo()
    assert begin().settle()
    assert whole(ledger, trail)


def test_an_entry_that_cant_be_read_is_projected_as_raw(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    append(ledger, [entry(0)])
    ledger.append([ledger.entry(b"from a later version \xff", bytes(16)), b"no leaf"])
    assert begin().settle()
    assert whole(ledger, trail)
    rows = trail.select("SELECT format, deviation, recorded, entry FROM audit WHERE idx > 0").to_pylist()
    assert {(row["format"], *row["deviation"]) for row in rows} == {("raw", "unreadable", "timestamp")}
    assert {row["recorded"].value for row in rows} == {NOW}
    assert any("from a later version" in row["entry"] for row in rows)


def test_events_past_their_days_are_left_out(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    append(ledger, [entry(at, MONTHS[at % 4]) for at in range(4)])
    assert begin(since_ns=lambda: NOW - 2 * DAY).settle()
    assert in_audit(trail) == in_logs(trail) == [0, 3]


def test_entries_that_were_pruned_are_left_out(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    append(ledger, map(entry, range(600)))
    assert ledger.settle()
    ledger._core().tree.prune(300, ledger.directory)
    assert begin().settle()
    assert in_audit(trail) == list(range(300, 600))


def test_a_ledger_of_which_everything_was_pruned_is_settled(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    append(ledger, map(entry, range(256)))
    assert ledger.settle()
    ledger._core().tree.prune(256, ledger.directory)
    assert begin().settle()
    assert in_audit(trail) == []


def foreign(store: EmbeddedStore) -> None:
    store.insert([rows_of_audit([(100, entry(100))])], table="audit")


def test_a_table_that_is_ahead_of_its_ledger_isnt_touched(
    ledger: Ledger, trail: EmbeddedStore, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    foreign(trail)
    append(ledger, map(entry, range(3)))
    projection = begin(registry=registry)
    wait_until(lambda: projection.progress().problem)
    assert not projection.settle(10)
    assert "has only 3" in projection.progress().problem
    assert "isn't projected" in caplog.text
    assert metric(registry, "stopped") == 1
    assert in_audit(trail) == [100]


def rebuilt(projection: Projection) -> None:
    projection.rebuild()
    assert projection.settle()


def test_a_rebuild_has_what_the_ledger_has(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    registry = CollectorRegistry()
    foreign(trail)
    trail.insert([batch("a log line"), batch("an access of before the ledger", kind="audit", ts=MONTHS[1])])
    append(ledger, [entry(at, MONTHS[at % 4]) for at in range(9)])
    projection = begin(registry=registry)
    for _ in range(2):
        rebuilt(projection)
        assert whole_beside(ledger, trail)
    assert metric(registry, "stopped") == 0


def whole_beside(ledger: Ledger, store: EmbeddedStore) -> bool:
    lines = store.select("SELECT body FROM logs WHERE NOT mapContains(attributes, 'ledger_index')")
    assert sorted(lines["body"].to_pylist()) == ["a log line", "an access of before the ledger"]
    indices = store.select(
        "SELECT attributes['ledger_index'] AS idx FROM logs WHERE mapContains(attributes, 'ledger_index')"
    )
    expected = list(range(ledger.size))
    return in_audit(store) == expected == sorted(map(int, indices["idx"].to_pylist()))


@pytest.mark.parametrize("table", ["audit", "logs"])
def test_a_rebuild_that_was_cut_off_is_finished(ledger: Ledger, trail: EmbeddedStore, begin: Begin, table: str) -> None:
    append(ledger, [entry(at, MONTHS[at % 4]) for at in range(9)])
    assert begin().settle()
    trail.manage("TRUNCATE TABLE audit")
    if table == "logs":
        trail.manage("ALTER TABLE logs DROP PARTITION ('audit', '2026-01-01')")
    assert begin().settle()
    assert whole(ledger, trail)


def test_the_newest_keys_are_known(ledger: Ledger, trail: EmbeddedStore, begin: Begin) -> None:
    for key, count in (("a", 2), ("", 1), ("b", 3), ("c", 1)):
        entries = [entry(at) for at in range(count)]
        for at, one in enumerate(entries):
            one.key, one.at = key, at
        append(ledger, entries)
    assert begin().settle()
    assert recent_keys(trail, 10) == [SeenKey("c", 1, 6), SeenKey("b", 3, 3), SeenKey("a", 2, 0)]
    assert recent_keys(trail, 1) == [SeenKey("c", 1, 6)]
    trail.manage("TRUNCATE TABLE audit")
    assert recent_keys(trail, 10) == []
