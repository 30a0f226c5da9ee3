"""The fault matrix: every write and every message fails once before and once after its effect, or the process dies there.

Whatever it is: no step is skipped, no incident is lost, and nobody is told twice for one step, unless the process died
between a message's way out and the record of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from tests.escalation.conftest import NOON, ONCALL, Channels, Desk

from wardlight.clock import ManualClock
from wardlight.escalation import Escalation
from wardlight.escalation.book import Book
from wardlight.incidents import Alert, Incidents, Notice
from wardlight.notify import Message, Outcome
from wardlight.problems import Unavailable
from wardlight.store.state import State

QUICK = (
    ONCALL
    + """
[policies.critical]
steps = [
  { level = "support" },
  { level = "emergency", after = "10s" },
]
stale = "1h"
"""
)


class Killed(BaseException):
    """The process is gone."""


class Faults:
    """Lets the effect of a number fail, before or after it is done."""

    def __init__(self, at: int, when: str, error: Callable[[], BaseException]) -> None:
        self.at, self.when, self.error = at, when, error
        self.count = 0

    @contextmanager
    def effect(self) -> Iterator[None]:
        self.count += 1
        mine = self.count == self.at
        if mine and self.when == "before":
            raise self.error()
        yield
        if mine and self.when == "after":
            raise self.error()


class FaultyState(State):
    """A state database whose writes may fail; the disk isn't waited for, for only the process dies here."""

    faults = Faults(0, "", Killed)

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.close()
        sa.event.listen(self._engine, "connect", lambda made, _: made.execute("PRAGMA synchronous = OFF").close())

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        with self.faults.effect(), super().write() as connection:
            yield connection


def server(data: Path, state: State, clock: ManualClock, channels: Channels, faults: Faults) -> Escalation:
    def send(address: str, message: Message) -> Outcome:
        with faults.effect():
            return channels.send(address, message)

    return Escalation(
        data,
        state,
        Incidents(state, clock),
        url="http://w.example",
        clock=clock,
        registry=CollectorRegistry(),
        send=send,
    )


def scenario(path: Path, faults: Faults) -> tuple[Channels, list[tuple[str, str]], bool]:
    """Open an incident, let all levels be asked, resolve it; whoever dies is started again."""
    path.mkdir()
    (path / "oncall.toml").write_text(QUICK)
    clock = ManualClock(int(NOON.timestamp()) * 10**9)
    channels = Channels(clock)
    state = FaultyState(path / "state.db")
    incidents = Incidents(state, clock)
    labels = {"alertname": "DatabaseDown", "severity": "critical"}
    alert = Alert(fingerprint="a", labels=labels, annotations={}, started=NOON, ended=None)
    incidents.receive(Notice(group_key="db", firing=True, alerts=(alert,)))
    running = server(path, state, clock, channels, faults)
    state.faults = faults
    for at in range(13):
        if at == 7:
            state.faults, faults_then = Faults(0, "", Killed), state.faults
            incidents.resolve(1, "ann", "console")
            state.faults = faults_then
        try:
            running.tick()
        except Unavailable:
            pass
        except Killed:
            faults = Faults(0, "", Killed)
            state.faults = faults
            running = server(path, state, clock, channels, faults)
        clock.advance(20)
    events = incidents.get(1).timeline
    hit = faults.count >= faults.at
    state.close()
    return channels, [(it.action, it.note) for it in events if it.source == "escalation"], hit


def paged(channels: Channels) -> list[str]:
    return [name for name, message in channels.sent if message.severity == "critical"]


def over(channels: Channels) -> list[str]:
    return sorted(name for name, message in channels.sent if message.severity == "resolved")


WELL = ["ann", "ben", "cat"]


def test_without_a_fault(tmp_path: Path) -> None:
    channels, timeline, _ = scenario(tmp_path / "well", Faults(0, "", Killed))
    assert sorted(paged(channels)) == WELL
    assert over(channels) == ["ann", "ben", "cat"]
    assert [action for action, _ in timeline].count("notified") == 6


@pytest.mark.parametrize("when", ["before", "after"])
def test_any_write_or_message_that_fails(tmp_path: Path, when: str) -> None:
    """A message that failed after its effect is sent again: its sender can't know better."""
    for at in itertools.count(1):
        faults = Faults(at, when, lambda: Unavailable("the disk is full"))
        channels, _, hit = scenario(tmp_path / f"{at}", faults)
        if not hit:
            break
        extra = len(paged(channels)) - len(WELL) + len(over(channels)) - 3
        assert sorted(set(paged(channels))) == ["ann", "ben", "cat"], at
        assert extra in (0, 1), at
        assert sorted(set(over(channels))) == ["ann", "ben", "cat"], at
    assert at > 20


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_process_dies_at_any_write_or_message(tmp_path: Path, when: str) -> None:
    again = 0
    for at in itertools.count(1):
        channels, timeline, _ = scenario(tmp_path / f"{at}", faults := Faults(at, when, Killed))
        if faults.count < at:
            break
        pages = paged(channels)
        assert sorted(set(pages)) == ["ann", "ben", "cat"], at
        assert len(pages) + len(over(channels)) <= len(WELL) + 3 + 1, at
        again += len(pages) + len(over(channels)) > len(WELL) + 3
        assert sorted(set(over(channels))) == ["ann", "ben", "cat"], at
        assert ("escalated", "level 2, emergency response") in timeline, at
    assert at > 20
    assert again > 0, "dying between a message and its record sends it again"


def test_an_outcome_that_cannot_be_written_is_kept_and_nobody_told_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, away = Book.settle, True

    def failing(*given: object) -> None:
        if away:
            raise Unavailable("the disk is full")
        settle(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Book, "settle", failing)
    desk.fire()
    for _ in range(5):
        with pytest.raises(Unavailable):
            desk.tick(5)
    away = False
    desk.wait(timedelta(minutes=3))
    assert desk.channels.told() == ["ann"]


def test_of_two_servers_on_one_database_exactly_one_acts(desk: Desk) -> None:
    others = [desk.another() for _ in range(3)]
    for at in range(20):
        desk.fire(f"group{at}", alertname=f"Alert{at}")
        barrier = Barrier(4)

        def look(one: Escalation, barrier: Barrier = barrier) -> None:
            barrier.wait()
            one.tick()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(look, [desk.escalation, *others]))
        desk.clock.advance(1)
    subjects = [message.subject for _, message in desk.channels.sent]
    assert sorted(subjects) == sorted(f"CRITICAL: Alert{at} (db:5432)" for at in range(20))


def test_another_server_goes_on_where_one_dies(desk: Desk) -> None:
    incident = desk.fire()
    desk.tick()
    desk.clock.advance(300)
    desk.another().tick()
    assert desk.channels.told() == ["ann", "ben"]
    assert len(desk.timeline(incident)) == 3


def test_a_clock_that_is_set_back_delays_nothing(desk: Desk) -> None:
    desk.fire()
    desk.tick()
    desk.wait(timedelta(minutes=3))
    desk.clock.set_wall(desk.clock.now_ns() - 86_400 * 10**9)
    desk.wait(timedelta(minutes=2))
    assert desk.channels.told() == ["ann", "ben"]


def test_a_clock_that_is_set_back_during_a_restart_delays_nothing(desk: Desk) -> None:
    desk.fire()
    desk.wait(timedelta(minutes=3))
    desk.clock.set_wall(desk.clock.now_ns() - 86_400 * 10**9)
    desk.escalation = desk.another()
    desk.wait(timedelta(minutes=3))
    assert desk.channels.told() == ["ann", "ben"]


def test_a_clock_that_is_set_forward_rather_calls_too_early(desk: Desk) -> None:
    desk.fire()
    desk.tick()
    desk.clock.set_wall(desk.clock.now_ns() + 3600 * 10**9)
    desk.tick()
    assert desk.channels.told() == ["ann", "ben"]


def test_a_storm_of_ten_thousand_alerts_is_one_page(desk: Desk) -> None:
    alerts = tuple(
        Alert(
            fingerprint=f"{at}", annotations={"summary": f"node {at} is down"}, started=NOON, ended=None,
            labels={"alertname": "NodeDown", "severity": "critical", "instance": f"node{at}"},
        )
        for at in range(10_000)
    )  # fmt: skip
    desk.incidents.receive(Notice(group_key="nodes", firing=True, alerts=alerts))
    desk.tick()
    ((_, message),) = desk.channels.sent
    assert message.subject == "CRITICAL: NodeDown"
    assert "10000 alerts firing" in message.text
