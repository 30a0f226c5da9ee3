"""The history of alerts, silenced and inhibited ones too."""

from __future__ import annotations

from datetime import timedelta

from tests.incidents.manager import Manager, shown, silenced

from wardlight.clock import ManualClock, moment
from wardlight.incidents.history import History
from wardlight.incidents.watch import Watch


def test_a_silenced_alert_is_in_it_with_who_silenced_it(watch: Watch, history: History, manager: Manager) -> None:
    manager.silences = [{"id": "s1", "createdBy": "maria", "comment": "x", "status": {"state": "active"}}]
    manager.alerts = [silenced("s1")]
    watch.look()
    (stretch,) = history.listed()
    assert (stretch.state, stretch.by, stretch.ended) == ("silenced", ["s1 by maria"], None)
    assert (stretch.severity, stretch.labels["alertname"]) == ("critical", "DatabaseDown")


def test_an_inhibited_alert_is_in_it_with_what_inhibits_it(watch: Watch, history: History, manager: Manager) -> None:
    manager.alerts = [shown(), shown("b", status={"state": "suppressed", "silencedBy": [], "inhibitedBy": ["a"]})]
    watch.look()
    assert [(it.fingerprint, it.state, it.by) for it in history.listed()] == [
        ("a", "active", []),
        ("b", "inhibited", ["a DatabaseDown"]),
    ]


def test_every_state_is_a_stretch_of_its_own(
    watch: Watch, history: History, manager: Manager, clock: ManualClock
) -> None:
    for alerts in ([shown()], [shown()], [silenced("s")], [shown()], []):
        manager.alerts = alerts
        watch.look()
        clock.advance(15)
    begun = moment(clock.now_ns()) - timedelta(seconds=75)
    spans = [(it.state, it.since - begun, it.ended and it.ended - begun) for it in reversed(history.listed())]
    second = timedelta(seconds=1)
    assert spans == [
        ("active", 0 * second, 30 * second),
        ("silenced", 30 * second, 45 * second),
        ("active", 45 * second, 60 * second),
    ]


def test_a_new_start_is_a_new_stretch(watch: Watch, history: History, manager: Manager, clock: ManualClock) -> None:
    manager.alerts = [shown()]
    watch.look()
    clock.advance(15)
    manager.alerts = [shown(startsAt="2026-01-01T13:00:00Z")]
    watch.look()
    assert [it.ended is None for it in history.listed()] == [True, False]


def test_it_survives_a_restart_of_ours(watch: Watch, history: History, manager: Manager, clock: ManualClock) -> None:
    manager.alerts = [shown()]
    watch.look()
    clock.advance(15)
    History(history._state).take([], moment(clock.now_ns()))
    (stretch,) = history.listed()
    assert stretch.ended == stretch.since + timedelta(seconds=15)


def test_what_changes_nothing_writes_nothing(
    watch: Watch, history: History, manager: Manager, clock: ManualClock
) -> None:
    manager.alerts = [shown(str(at)) for at in range(20)]
    watch.look()
    before = history.listed()
    clock.advance(15)
    watch.look()
    assert history.listed() == before


def test_it_can_be_asked_by_state_and_time(
    watch: Watch, history: History, manager: Manager, clock: ManualClock
) -> None:
    manager.alerts = [shown(), silenced("s", fingerprint="b")]
    watch.look()
    clock.advance(3600)
    manager.alerts = [shown()]
    watch.look()
    clock.advance(3600)
    assert [it.fingerprint for it in history.listed(state="silenced")] == ["b"]
    assert [it.fingerprint for it in history.listed(since=moment(clock.now_ns()))] == ["a"]
    assert [it.fingerprint for it in history.listed(limit=1, page=2)] == ["b"]


def test_it_forgets_after_400_days(watch: Watch, history: History, manager: Manager, clock: ManualClock) -> None:
    manager.alerts = [shown(), shown("b")]
    watch.look()
    manager.alerts = [shown("b")]
    watch.look()
    clock.advance(399 * 86400)
    watch.look()
    assert len(history.listed()) == 2
    clock.advance(2 * 86400)
    watch.look()
    assert [it.fingerprint for it in history.listed()] == ["b"]
