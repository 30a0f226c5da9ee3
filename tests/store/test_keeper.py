"""The keeper does what is due, and says how things are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.conftest import NOW, batch

from wardlight.clock import ManualClock, moment
from wardlight.config import Settings
from wardlight.problems import Unavailable
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.facts import BACKUP, CLOCK, DRILL, Facts
from wardlight.store.holds import Holds
from wardlight.store.keeper import Keeper
from wardlight.store.partitions import partitions
from wardlight.store.state import State

DAY = 86_400_000_000_000
GIB = 1024**3


class Bench:
    """A keeper with a disk that a test decides."""

    def __init__(self, store: EmbeddedStore, state: State) -> None:
        self.store = store
        self.state = state
        self.facts = Facts(state)
        self.clock = ManualClock(NOW)
        self.free = 100 * GIB
        self.registry = CollectorRegistry()
        self.passed: list[datetime] = []
        self.keeper = Keeper(
            store, state, Settings(), self.clock, free=lambda: self.free, registry=self.registry,
            also=self.passed.append,
        )  # fmt: skip

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"wardlight_{name}", labels)


@pytest.fixture
def bench(store: EmbeddedStore, tmp_path: Path) -> Iterator[Bench]:
    state = State(tmp_path / "state.db")
    yield Bench(store, state)
    state.close()


def test_sizes_are_measured_per_kind(bench: Bench) -> None:
    bench.store.insert([batch("a", "b"), batch("c", ts=NOW - DAY)])
    bench.keeper.look()
    assert bench.metric("store_records", kind="application") == 3
    assert bench.metric("store_partitions", kind="application") == 2
    assert bench.metric("store_parts", kind="application") == 2
    assert bench.metric("store_records", kind="audit") == 0
    size = bench.metric("store_bytes", kind="application")
    assert size == sum(part.bytes for part in partitions(bench.store))


def test_retention_runs_at_once_and_then_hourly(bench: Bench) -> None:
    bench.store.insert([batch("new")])
    for passes in (1, 2):
        bench.store.insert([batch("old", ts=NOW - 100 * DAY)])
        bench.keeper.look()
        assert bench.metric("retention_removed_partitions_total", kind="application", reason="expired") == passes
        bench.store.insert([batch("old", ts=NOW - 100 * DAY)])
        bench.clock.advance(3599)
        bench.keeper.look()
        assert bench.metric("retention_removed_partitions_total", kind="application", reason="expired") == passes
        bench.clock.advance(1)


def test_a_clock_that_isnt_trusted_is_looked_at_each_minute(bench: Bench) -> None:
    bench.keeper.look()
    bench.clock.advance(3600)
    bench.clock.set_wall(NOW + 100 * DAY)
    bench.keeper.look()
    assert bench.metric("retention_stopped") == 1
    bench.facts.put(CLOCK, moment(bench.clock.now_ns()))
    bench.clock.advance(60)
    bench.keeper.look()
    assert bench.metric("retention_stopped") == 0


def test_the_disk_is_looked_at_each_time(bench: Bench) -> None:
    bench.keeper.look()
    assert bench.metric("store_disk_full") == 0
    bench.keeper.admit()
    bench.free = GIB
    bench.keeper.look()
    assert bench.metric("store_disk_full") == 1
    assert bench.metric("store_disk_free_bytes") == GIB
    with pytest.raises(Unavailable):
        bench.keeper.admit()


def test_settings_that_rules_compare_with_are_shown(bench: Bench) -> None:
    assert bench.metric("store_disk_reserve_bytes") == 2 * GIB
    assert bench.metric("store_disk_warning_days") == 14


def test_a_disk_that_lasts_is_infinite(bench: Bench) -> None:
    bench.keeper.look()
    assert bench.metric("store_disk_days_left") == float("inf")


def test_holds_backups_and_drills_are_shown(bench: Bench) -> None:
    bench.keeper.look()
    assert bench.metric("legal_holds") == 0
    assert bench.metric("backup_last_timestamp_seconds", destination="/b") is None
    Holds(bench.state, bench.clock).add("user", "ann", reason="case 7", by="bob")
    bench.facts.put(BACKUP, moment(NOW), {"destination": "/b", "id": "x"})
    bench.facts.put(DRILL, moment(NOW), {"destination": "/b", "good": False})
    bench.clock.advance(60)
    bench.keeper.look()
    assert bench.metric("legal_holds") == 1
    assert bench.metric("backup_last_timestamp_seconds", destination="/b") == NOW / 1e9
    assert bench.metric("backup_drill_success", destination="/b") == 0
    assert bench.metric("backup_drill_last_timestamp_seconds", destination="/b") == NOW / 1e9


def test_a_full_disk_is_relieved_even_if_retention_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise Unavailable("the state database failed: disk full")

    monkeypatch.setattr(bench.keeper._facts, "put", broken)
    bench.free = GIB
    with pytest.raises(Unavailable):
        bench.keeper.look()
    assert bench.metric("store_disk_full") == 1


def test_what_else_is_kept_is_told_of_each_pass_that_trusts_the_clock(bench: Bench) -> None:
    bench.keeper.look()
    bench.clock.set_wall(NOW + 400 * DAY)
    bench.clock.elapsed += 3600
    bench.keeper.look()
    assert bench.passed == [moment(NOW)]


async def test_a_look_that_fails_is_counted_and_stops_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardlight.store.keeper.LOOK_SECONDS", 0.01)
    looks = threading.Semaphore(0)

    def look() -> None:
        looks.release()
        raise OSError("broken")

    monkeypatch.setattr(bench.keeper, "look", look)
    async with bench.keeper.running():
        for _ in range(3):
            assert await asyncio.to_thread(looks.acquire, timeout=10)
    failures = bench.metric("keeping_failures_total")
    assert failures is not None
    assert failures >= 3
