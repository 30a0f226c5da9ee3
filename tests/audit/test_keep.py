"""The audit trail is kept for its days: whole months of the table, then the ledger's entries; never what is held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.audit.projecting import DAY, append, entry
from tests.conftest import NOW
from tests.ledger.conftest import Unsynced

from wardlight.audit.keep import Keep
from wardlight.audit.table import batch
from wardlight.clock import ManualClock, moment
from wardlight.ledger import Ledger
from wardlight.ledger.log import Pace
from wardlight.problems import NotFound
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.facts import CLOCK, Facts
from wardlight.store.holds import Holds
from wardlight.store.months import Month, months
from wardlight.store.state import State

DAYS = 60
"""NOW is 2026-01-01: what is from before November is past its days."""


class Bench:
    """A trail of four months, and a ledger that got each event when it was recorded."""

    def __init__(self, store: EmbeddedStore, directory: Path) -> None:
        self.store = store
        self.clock = ManualClock(NOW)
        self.state = State(directory / "state.db")
        self.holds = Holds(self.state, self.clock)
        pace = Pace(publish_seconds=0.0)
        self.ledger = Ledger(directory / "log", "example.com/clinic", self.clock, disk=Unsynced(), pace=pace)
        self.keep = Keep(store, self.ledger, self.state, self.clock, days=DAYS)

    def fill(self) -> None:
        """Append 256 events on the 15th of each month from September on, and project them."""
        for number, days_ago in enumerate((108, 78, 47, 17)):
            self.clock.set_wall(NOW - days_ago * DAY)
            entries = [entry(at, self.clock.now, patient=f"p{number}", user=f"u{number}") for at in range(256)]
            indices = append(self.ledger, entries)
            assert self.ledger.settle()
            self.store.insert([batch(list(zip(indices, entries, strict=True)))], table="audit")
        self.clock.set_wall(NOW)

    def run(self, *, projected: bool = True) -> None:
        self.keep.run(moment(self.clock.now), projected=projected)

    def kept(self) -> list[str]:
        return [month.partition for month in months(self.store)]

    def minimum(self) -> int:
        for first in range(0, 1024, 256):
            try:
                self.ledger.read(first, 1)
            except NotFound:
                continue
            return first
        return 1024


@pytest.fixture
def bench(store: EmbeddedStore, tmp_path: Path) -> Iterator[Bench]:
    store.manage("TRUNCATE TABLE audit")
    made = Bench(store, tmp_path)
    made.fill()
    yield made
    made.ledger.close()
    made.state.close()


def test_months_go_when_their_last_day_is_past_the_days(bench: Bench) -> None:
    bench.run()
    assert bench.kept() == ["202511", "202512"]


def test_a_month_ends_with_its_last_day() -> None:
    december = Month(partition="202512", events=1, bytes=1, raw_bytes=1, parts=1)
    assert str(december.end) == "2026-01-01"


def test_the_ledger_forgets_what_came_before(bench: Bench) -> None:
    bench.run()
    assert bench.minimum() == 512


def test_the_ledger_keeps_everything_until_it_is_projected(bench: Bench) -> None:
    bench.run(projected=False)
    assert bench.kept() == ["202511", "202512"]
    assert bench.minimum() == 0


@pytest.mark.parametrize(("scope", "subject"), [("patient", "p1"), ("user", "u1")])
def test_a_month_with_held_events_stays_whole_and_so_does_its_ledger(bench: Bench, scope: str, subject: str) -> None:
    bench.holds.add(scope, subject, reason="case 7", by="ann")  # type: ignore[arg-type]
    bench.run()
    assert bench.kept() == ["202510", "202511", "202512"]
    assert bench.minimum() == 256


def test_a_hold_on_everything_keeps_everything(bench: Bench) -> None:
    hold = bench.holds.add("everything", "", reason="case 7", by="ann")
    bench.run()
    assert len(bench.kept()) == 4
    assert bench.minimum() == 0
    bench.holds.release(hold.id, reason="closed", by="ann")
    bench.run()
    assert len(bench.kept()) == 2
    assert bench.minimum() == 512


def test_a_hold_placed_while_events_are_looked_for_is_obeyed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.holds.add("user", "u9", reason="case 1", by="ann")
    select = bench.store.select

    def late(sql: str, *args: object, **named: object) -> object:
        if "hasAny" in sql:
            bench.holds.add("user", "u0", reason="case 2", by="ann")
        return select(sql, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "select", late)
    bench.run()
    monkeypatch.undo()
    assert bench.kept()[0] == "202509"


def test_events_are_projected_from_the_first_month_that_is_kept(bench: Bench) -> None:
    assert bench.keep.since_ns() == 0, "no time is trusted yet"
    Facts(bench.state).put(CLOCK, moment(NOW))
    assert moment(bench.keep.since_ns()).date().isoformat() == "2025-11-01"
    bench.holds.add("user", "u9", reason="case 1", by="ann")
    assert bench.keep.since_ns() == 0, "it may be held"
