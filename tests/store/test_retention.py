"""Retention drops what is past its days, and nothing else: not for a wrong clock, not what is held."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import NOW, batch

from wardlight.clock import ManualClock, moment
from wardlight.config import Retention as Days
from wardlight.problems import BadInput, Conflict, NotFound
from wardlight.records import Decoded
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.facts import CLOCK, Facts
from wardlight.store.holds import Holds
from wardlight.store.partitions import Partition, partitions, reducing
from wardlight.store.removal import Remover
from wardlight.store.retention import Retention
from wardlight.store.state import State

DAY = 86_400_000_000_000
ROOT = Path(__file__).parents[2]
SETTINGS = Days(application_days=3, error_days=5, security_days=10, audit_days=20)


class Bench:
    """A store, its retention, and a clock to turn."""

    def __init__(self, store: EmbeddedStore, state: State) -> None:
        self.store = store
        self.clock = ManualClock(NOW + DAY // 2)
        self.holds = Holds(state, self.clock)
        self.facts = Facts(state)
        self.told: list[tuple[str, str]] = []
        remover = Remover(store, self.holds, self.note)
        self.retention = Retention(store, remover, SETTINGS, self.facts, self.clock)

    def note(self, partition: Partition, why: str) -> None:
        self.told.append((str(partition), why))

    def add(self, days_ago: int, *lines: str, kind: str = "application", user: str = "", patient: str = "") -> None:
        rows = batch(*(lines or ("line",)), kind=kind, ts=NOW - days_ago * DAY)
        for name, value in (("user_id", user), ("patient_id", patient)):
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, rows.schema.field(at), [value] * rows.num_rows)
        self.store.insert([Decoded(rows)])

    def kept(self) -> list[str]:
        return [f"{one.kind} {(moment(NOW).date() - one.day).days}" for one in partitions(self.store)]

    def lines(self) -> list[str]:
        return [row["body"] for row in self.store.select("SELECT body FROM logs ORDER BY ts").to_pylist()]

    def wait(self) -> None:
        deadline = time.monotonic() + 20
        while reducing(self.store):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def bench(store: EmbeddedStore, tmp_path: Path) -> Iterator[Bench]:
    state = State(tmp_path / "state.db")
    yield Bench(store, state)
    state.close()


def test_each_kind_is_kept_for_its_days(bench: Bench) -> None:
    for kind, days in (("application", 3), ("error", 5), ("security", 10), ("audit", 20)):
        bench.add(days, kind=kind)
        bench.add(days + 1, kind=kind)
    bench.add(0)
    bench.retention.run()
    assert sorted(bench.kept()) == ["application 0", "application 3", "audit 20", "error 5", "security 10"]
    assert len(bench.told) == 4
    assert bench.told[-1] == ("application 2025-12-28", "expired")


def test_a_second_pass_finds_nothing_to_do(bench: Bench) -> None:
    bench.add(9)
    bench.add(0)
    bench.retention.run()
    bench.retention.run()
    assert len(bench.told) == 1


def test_a_clock_far_ahead_drops_nothing_and_says_so(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.add(0)
    bench.retention.run()
    bench.clock.set_wall(NOW + 3650 * DAY)
    bench.retention.run()
    assert bench.kept() == ["application 0"]
    assert bench.retention.stopped
    assert "retention is stopped" in caplog.text


def test_records_of_a_wrong_clock_dont_prove_it_right(bench: Bench) -> None:
    bench.add(0)
    bench.retention.run()
    bench.clock.set_wall(NOW + 3650 * DAY)
    bench.add(-3650)
    bench.retention.run()
    assert bench.kept() == ["application 0", "application -3650"]


def test_a_store_without_memory_goes_by_its_newest_record(bench: Bench) -> None:
    bench.add(30)
    bench.retention.run()
    assert bench.retention.stopped
    assert bench.kept() == ["application 30"]


def test_it_goes_on_when_the_clock_is_right_again(bench: Bench) -> None:
    bench.add(9)
    bench.add(0)
    bench.clock.set_wall(NOW + 3650 * DAY)
    bench.retention.run()
    bench.clock.set_wall(NOW + DAY)
    bench.retention.run()
    assert not bench.retention.stopped
    assert bench.kept() == ["application 0"]


def test_a_confirmed_clock_is_trusted(bench: Bench) -> None:
    bench.add(0)
    bench.clock.set_wall(NOW + 40 * DAY)
    bench.retention.run()
    assert bench.retention.stopped
    bench.facts.put(CLOCK, moment(bench.clock.now_ns()))
    bench.retention.run()
    assert not bench.retention.stopped
    assert bench.kept() == []


def test_a_clock_set_back_drops_nothing_and_is_not_remembered(bench: Bench) -> None:
    bench.add(0)
    bench.retention.run()
    trusted = bench.facts.get(CLOCK)
    bench.clock.set_wall(0)
    bench.retention.run()
    assert bench.kept() == ["application 0"]
    assert not bench.retention.stopped
    assert bench.facts.get(CLOCK) == trusted
    bench.clock.set_wall(NOW + DAY)
    bench.retention.run()
    assert not bench.retention.stopped


def test_a_server_that_slept_for_days_goes_on(bench: Bench) -> None:
    bench.add(0)
    bench.retention.run()
    bench.clock.advance(timedelta(days=6).total_seconds())
    bench.retention.run()
    assert bench.kept() == []


def test_a_hold_on_everything_keeps_everything(bench: Bench) -> None:
    bench.add(9)
    bench.add(0)
    hold = bench.holds.add("everything", "", reason="case 7", by="ann")
    bench.retention.run()
    assert bench.kept() == ["application 9", "application 0"]
    bench.holds.release(hold.id, reason="closed", by="bob")
    bench.retention.run()
    assert bench.kept() == ["application 0"]


@pytest.mark.parametrize("scope", ["patient", "user"])
def test_held_records_stay_where_they_are_and_the_others_go(bench: Bench, scope: str) -> None:
    bench.add(9, "held", **{scope: "it's \\1"})
    bench.add(9, "not held", "nor this")
    bench.add(8, "without", "any")
    bench.add(0, "new")
    bench.holds.add(scope, "it's \\1", reason="case 7", by="ann")  # type: ignore[arg-type]
    bench.retention.run()
    bench.wait()
    assert bench.lines() == ["held", "new"]
    assert bench.told == [("application 2025-12-23", "held"), ("application 2025-12-24", "expired")]


def test_what_was_reduced_is_left_alone_until_the_hold_ends(bench: Bench) -> None:
    bench.add(9, "held", patient="p1")
    bench.add(9, "not held")
    bench.add(0, "new")
    hold = bench.holds.add("patient", "p1", reason="case 7", by="ann")
    for _ in range(3):
        bench.retention.run()
        bench.wait()
    assert [why for _, why in bench.told] == ["held"]
    bench.holds.release(hold.id, reason="closed", by="ann")
    bench.retention.run()
    assert bench.lines() == ["new"]


def test_a_hold_placed_while_records_are_looked_for_is_obeyed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add(9, "held", user="u1")
    bench.add(0, "new")
    bench.holds.add("user", "u2", reason="case 1", by="ann")
    select = bench.store.select

    def late(sql: str, *args: object, **named: object) -> object:
        if "countIf" in sql:
            bench.holds.add("user", "u1", reason="case 2", by="ann")
        return select(sql, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "select", late)
    bench.retention.run()
    monkeypatch.undo()
    assert bench.lines() == ["held", "new"]


def test_a_hold_tells_who_why_and_when_and_is_never_deleted(bench: Bench) -> None:
    hold = bench.holds.add("patient", "p1", reason="case 7", by="ann")
    bench.holds.release(hold.id, reason="closed", by="bob")
    assert bench.holds.listed() == []
    (one,) = bench.holds.listed(released=True)
    assert (one.reason, one.placed_by, one.release_reason, one.released_by) == ("case 7", "ann", "closed", "bob")
    assert one.placed == one.released == moment(bench.clock.now_ns())


def test_a_hold_is_ended_once(bench: Bench) -> None:
    hold = bench.holds.add("user", "u1", reason="case 7", by="ann")
    bench.holds.release(hold.id, reason="closed", by="bob")
    with pytest.raises(Conflict, match="released before"):
        bench.holds.release(hold.id, reason="closed", by="bob")
    with pytest.raises(NotFound, match="no hold 99"):
        bench.holds.release(99, reason="closed", by="bob")


@pytest.mark.parametrize(
    ("scope", "subject", "reason", "by"),
    [
        ("patient", "", "why", "ann"),
        ("everything", "p1", "why", "ann"),
        ("user", "u1", " ", "ann"),
        ("user", "u1", "why", ""),
    ],
)
def test_half_a_hold_is_refused(bench: Bench, scope: str, subject: str, reason: str, by: str) -> None:
    with pytest.raises(BadInput):
        bench.holds.add(scope, subject, reason=reason, by=by)  # type: ignore[arg-type]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.conftest import batch
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.holds import Held
from wardlight.store.partitions import partitions, reduce

store = EmbeddedStore(Path(sys.argv[1]))
store.insert([batch(*map(str, range(1000)))])
reduce(store, partitions(store)[0], Held(users=("nobody",)))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_reduction_that_was_killed_is_finished_by_the_next_start(module_store: EmbeddedStore, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    first = Path(module_store._lock.name).parent
    module_store.close()
    store = EmbeddedStore(tmp_path, readers=1)
    deadline = time.monotonic() + 20
    while reducing(store):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert partitions(store) == ()
    store.close()
    module_store.__init__(first)  # type: ignore[misc]
