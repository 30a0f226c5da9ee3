"""A full disk: what goes first, what never, and what senders hear."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import NOW, batch

from wardlight.clock import ManualClock, moment
from wardlight.config import Retention as Days
from wardlight.problems import Unavailable
from wardlight.store.disk import Pressure, days_left, droppable, growth, with_trail
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.holds import Holds
from wardlight.store.months import Month
from wardlight.store.partitions import Partition, partitions
from wardlight.store.removal import Remover
from wardlight.store.state import State

DAY = 86_400_000_000_000
TODAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def one(kind: str, days_ago: int, size: int = 1000) -> Partition:
    day = TODAY - timedelta(days=days_ago)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Partition(
        kind=kind, day=day, records=1, bytes=size, raw_bytes=size, parts=1, oldest=start, newest=start,
    )  # fmt: skip


def test_application_logs_go_first_then_errors_then_old_security_logs_and_audit_never() -> None:
    found = [one(kind, ago) for ago in (40, 30, 2, 0) for kind in ("audit", "security", "error", "application")]
    order = [(part.kind, (TODAY - part.day).days) for part in droppable(found, TODAY)]
    assert order == [
        ("application", 40), ("application", 30), ("application", 2),
        ("error", 40), ("error", 30), ("error", 2),
        ("security", 40), ("security", 30),
    ]  # fmt: skip


def test_growth_is_that_of_the_last_24_hours() -> None:
    assert growth([one("application", 0, 100), one("application", 1, 300), one("error", 5, 999)], NOON) == {
        "application": 100 + 150,
        "error": 0,
    }


def test_the_audit_trails_table_grows_with_the_audit_records() -> None:
    trail = [Month(partition="202602", events=3, bytes=900, raw_bytes=9, parts=1)]
    found = with_trail([one("audit", 1, 100), one("audit", 0, 100), one("error", 0, 100)], trail)
    assert [(part.kind, part.bytes) for part in found] == [("audit", 550), ("audit", 550), ("error", 100)]
    assert with_trail([], trail) == []


def test_a_young_store_is_reckoned_up_to_a_day() -> None:
    assert growth([one("application", 0, 100)], NOON) == {"application": 200}


def test_of_a_store_of_minutes_nothing_is_said() -> None:
    young = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    assert days_left([one("application", 0, 10**9)], Days(), 1, young) == float("inf")


def test_days_left_are_spare_space_by_growth() -> None:
    found = [one("audit", 0, 500), one("audit", 1, 1000)]
    assert days_left(found, Days(), 10_000, NOON) == pytest.approx(10.0)


def test_what_retention_will_remove_is_reckoned_with() -> None:
    steady = [one("application", 0, 500), *(one("application", ago) for ago in range(1, 31))]
    assert days_left(steady, Days(application_days=30), 1500, NOON) == float("inf")
    assert days_left(steady, Days(application_days=60), 1500, NOON) < 31


def test_a_disk_that_is_full_has_no_days_left() -> None:
    assert days_left([one("audit", 1)], Days(), -5, NOON) == 0.0


class Bench:
    """A store on a disk whose free space a test decides: `room` less what the store holds."""

    def __init__(self, store: EmbeddedStore, state: State) -> None:
        self.store = store
        self.clock = ManualClock(NOW + DAY // 2)
        self.holds = Holds(state, self.clock)
        self.removed: list[str] = []
        self.room = 0
        remover = Remover(store, self.holds, lambda part, why: self.removed.append(f"{part.kind} {why}"))
        self.pressure = Pressure(store, remover, self.clock, self.free, 1000)

    def free(self) -> int:
        return self.room - sum(part.bytes for part in partitions(self.store))

    def add(self, days_ago: int, kind: str) -> None:
        self.store.insert([batch("line", kind=kind, ts=NOW - days_ago * DAY)])

    def kept(self) -> list[str]:
        return [f"{part.kind} {(moment(NOW).date() - part.day).days}" for part in partitions(self.store)]


@pytest.fixture
def bench(store: EmbeddedStore, tmp_path: Path) -> Iterator[Bench]:
    state = State(tmp_path / "state.db")
    yield Bench(store, state)
    state.close()


def test_with_enough_space_nothing_happens(bench: Bench) -> None:
    bench.add(3, "application")
    bench.room = 10**9
    bench.pressure.relieve()
    bench.pressure.admit()
    assert bench.removed == []


def test_no_more_goes_than_is_needed(bench: Bench) -> None:
    for ago in (3, 2, 1):
        bench.add(ago, "application")
    bench.room = 1000 - 1 + sum(part.bytes for part in partitions(bench.store))
    bench.pressure.relieve()
    bench.pressure.admit()
    assert bench.kept() == ["application 2", "application 1"]
    assert bench.removed == ["application disk"]


def test_when_nothing_may_go_senders_are_told_why_until_there_is_room(bench: Bench) -> None:
    for kind in ("audit", "application", "security"):
        bench.add(5, kind)
        bench.add(0, kind)
    bench.pressure.relieve()
    assert bench.kept() == ["audit 5", "security 5", "application 0", "audit 0", "security 0"]
    with pytest.raises(Unavailable, match=r"store\.disk_reserve_bytes") as raised:
        bench.pressure.admit()
    assert raised.value.retry_after == 30
    bench.room = 10**9
    bench.pressure.relieve()
    bench.pressure.admit()


def test_what_is_held_stays_whole_on_a_full_disk(bench: Bench) -> None:
    bench.add(5, "application")
    bench.store.insert([batch("other", ts=NOW - 4 * DAY)])
    bench.holds.add("everything", "", reason="case 7", by="ann")
    bench.pressure.relieve()
    assert bench.removed == []
    with pytest.raises(Unavailable):
        bench.pressure.admit()
