"""Comparing incidents with what Alertmanager has."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from tests.incidents.manager import Manager, shown, silenced
from tests.incidents.said import NOON, actions, alert, firing, only, resolved

from wardlight.clock import ManualClock
from wardlight.incidents import Incidents
from wardlight.incidents.watch import Watch


@pytest.fixture(autouse=True)
def noon(clock: ManualClock) -> None:
    clock.advance(12 * 3600 + 60)


def looking(watch: Watch, clock: ManualClock, seconds: float) -> None:
    """Look again and again for so long."""
    for _ in range(int(seconds // 15)):
        watch.look()
        clock.advance(15)
    watch.look()


def test_an_incident_whose_alerts_are_gone_for_three_minutes_is_resolved_and_says_why(
    watch: Watch, incidents: Incidents, clock: ManualClock
) -> None:
    incidents.receive(firing())
    looking(watch, clock, 165)
    assert only(incidents).state == "open"
    looking(watch, clock, 15)
    assert (only(incidents).state, actions(only(incidents))) == ("resolved", ["opened", "resolved"])
    event = only(incidents).timeline[-1]
    assert (event.actor, event.source) == ("alertmanager", "comparison")
    assert event.note.startswith("Alertmanager has these alerts no longer and didn't tell of their end; resolved: Data")


def test_one_alert_that_is_left_keeps_it_open(
    watch: Watch, incidents: Incidents, clock: ManualClock, manager: Manager
) -> None:
    incidents.receive(firing(alert(), alert("b")))
    manager.alerts = [shown("b")]
    looking(watch, clock, 600)
    assert only(incidents).state == "open"


def test_an_alert_that_two_senders_tell_of_is_one_whichever_start_it_has(
    watch: Watch, incidents: Incidents, clock: ManualClock, manager: Manager
) -> None:
    incidents.receive(firing())
    manager.alerts = [shown(startsAt="2026-01-01T11:59:57Z")]
    looking(watch, clock, 600)
    assert actions(only(incidents)) == ["opened"]


def test_a_silenced_alert_keeps_its_incident_open(
    watch: Watch, incidents: Incidents, clock: ManualClock, manager: Manager
) -> None:
    incidents.receive(firing())
    manager.alerts = [silenced("s")]
    looking(watch, clock, 600)
    assert only(incidents).state == "open"


def test_nothing_is_concluded_while_alertmanager_is_away(
    watch: Watch, incidents: Incidents, clock: ManualClock, manager: Manager
) -> None:
    incidents.receive(firing())
    manager.status = 503
    looking(watch, clock, 3600)
    assert only(incidents).state == "open"


def test_absence_counts_anew_after_it_was_away(
    watch: Watch, incidents: Incidents, clock: ManualClock, manager: Manager
) -> None:
    incidents.receive(firing())
    looking(watch, clock, 165)
    manager.status = 503
    watch.look()
    manager.status = 200
    looking(watch, clock, 165)
    assert only(incidents).state == "open"


def test_what_others_watch_over_is_not_alertmanagers_business(
    watch: Watch, incidents: Incidents, clock: ManualClock
) -> None:
    incidents.receive(replace(firing(), origin="heartbeats"))
    looking(watch, clock, 600)
    assert only(incidents).state == "open"


def test_what_was_resolved_by_hand_gets_its_real_end(watch: Watch, incidents: Incidents, clock: ManualClock) -> None:
    incidents.receive(firing())
    incidents.resolve(1, "maria", "cli")
    looking(watch, clock, 180)
    assert (only(incidents).state, only(incidents).firing) == ("resolved", False)


class TestAWebhookThatNeverCame:
    """The alert is there, and no incident."""

    @pytest.fixture(autouse=True)
    def unheard(self, manager: Manager) -> None:
        manager.alerts = [shown(), shown("b", labels={"instance": "two"})]

    def test_it_opens_its_incident_after_the_grace(
        self, watch: Watch, incidents: Incidents, clock: ManualClock
    ) -> None:
        looking(watch, clock, 45)
        assert incidents.listed("all") == []
        looking(watch, clock, 15)
        incident = only(incidents)
        assert (incident.state, incident.alerts_total, incident.started) == ("open", 2, NOON)
        (event,) = incident.timeline
        assert (event.source, "its webhook didn't tell of them; firing: DatabaseDown" in event.note) == (
            "comparison", True,
        )  # fmt: skip
        looking(watch, clock, 600)
        assert len(only(incidents).timeline) == 1

    def test_the_webhook_that_comes_after_all_adds_nothing(
        self, watch: Watch, incidents: Incidents, clock: ManualClock
    ) -> None:
        looking(watch, clock, 60)
        incidents.receive(firing(alert(), alert("b", instance="two"), group="the real key"))
        assert (only(incidents).group_key, actions(only(incidents))) == ("the real key", ["opened"])
        incidents.receive(resolved(alert(ended=NOON), alert("b", ended=NOON, instance="two"), group="the real key"))
        assert only(incidents).state == "resolved"

    def test_it_joins_the_running_incident_of_its_rule_and_job(
        self, watch: Watch, incidents: Incidents, clock: ManualClock
    ) -> None:
        incidents.receive(firing())
        looking(watch, clock, 60)
        assert (only(incidents).alerts_total, actions(only(incidents))) == (2, ["opened", "updated"])

    def test_an_occurrence_known_before_reopens_its_incident(
        self, watch: Watch, incidents: Incidents, clock: ManualClock, manager: Manager
    ) -> None:
        manager.alerts = [shown()]
        incidents.receive(firing())
        incidents.receive(resolved())
        looking(watch, clock, 60)
        assert (only(incidents).state, only(incidents).reopened) == ("open", 1)

    @pytest.mark.parametrize(
        "other",
        [
            silenced("s"),
            shown(status={"state": "suppressed", "silencedBy": [], "inhibitedBy": ["x"]}),
            shown(receivers=[{"name": "emergency"}]),
            shown(labels={"alertname": "Watchdog"}),
        ],
        ids=["silenced", "inhibited", "for others", "watchdog"],
    )
    def test_what_should_not_come_opens_nothing(
        self, watch: Watch, incidents: Incidents, clock: ManualClock, manager: Manager, other: dict[str, object]
    ) -> None:
        manager.alerts = [other]
        looking(watch, clock, 600)
        assert incidents.listed("all") == []


BROKEN = [(500, None), (200, b"{"), (200, b'{"a": 1}'), (200, b'[{"fingerprint": 1}]'), (200, b"\xff")]


def test_a_failure_is_told_once_and_counted(
    watch: Watch, manager: Manager, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for manager.status, manager.body in BROKEN:
        assert not watch.look()
    manager.status, manager.body = 200, None
    assert watch.look()
    said = [record.levelname for record in caplog.records if record.name.startswith("wardlight")]
    assert said == ["ERROR", "INFO"]
    assert registry.get_sample_value("wardlight_alertmanager_comparison_failures_total") == len(BROKEN)


def test_nobody_listening_is_a_failure_too(watch: Watch, manager: Manager, incidents: Incidents) -> None:
    watch._alertmanager._url = "http://127.0.0.1:9"
    assert not watch.look()


async def test_it_looks_while_it_runs(watch: Watch, manager: Manager) -> None:
    async with watch.running():
        while not manager.asked:  # noqa: ASYNC110 -- another thread fills it
            await asyncio.sleep(0.01)
    assert manager.asked[0].startswith("GET /api/v2/alerts?")
    assert "silenced=true" in manager.asked[0]
    assert "inhibited=true" in manager.asked[0]


def test_a_merged_group_that_is_gone_ends_for_its_head(watch: Watch, incidents: Incidents, clock: ManualClock) -> None:
    incidents.receive(firing())
    incidents.receive(firing(alert("b", alertname="ApplicationDown"), group="app"))
    incidents.merge(2, 1, "maria", "cli")
    looking(watch, clock, 180)
    assert incidents.get(1).state == "resolved"
    assert incidents.get(1).ended == incidents.get(1).last_notice
    assert incidents.get(1).resolved_at is not None
    assert incidents.get(1).started == NOON
    assert incidents.get(1).opened + timedelta(minutes=3) == incidents.get(1).resolved_at
