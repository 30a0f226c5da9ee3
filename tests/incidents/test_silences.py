"""Silencing what an incident is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.incidents.manager import Manager
from tests.incidents.said import actions, alert, firing

from wardlight.clock import ManualClock, moment
from wardlight.incidents import Incidents
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.silences import Silences
from wardlight.problems import BadInput, NotFound, Unavailable


@pytest.fixture
def silences(alertmanager: Alertmanager, incidents: Incidents, clock: ManualClock) -> Silences:
    incidents.receive(firing(alert(instance="one"), alert("b", instance="two")))
    return Silences(alertmanager, incidents, clock)


@pytest.fixture
def later(clock: ManualClock) -> datetime:
    return moment(clock.now_ns()) + timedelta(hours=2)


def test_it_silences_what_its_alerts_have_in_common(silences: Silences, manager: Manager, later: datetime) -> None:
    assert silences.silence(1, "maria", "cli", "disk change", later) == ["silence-1"]
    (made,) = manager.silences
    assert {it["name"]: it["value"] for it in made["matchers"]} == {
        "alertname": "DatabaseDown", "category": "outage", "severity": "critical",
    }  # fmt: skip
    assert (made["createdBy"], made["comment"], made["endsAt"]) == (
        "maria", "Incident 1: disk change", "2026-01-01T02:00:00+00:00",
    )  # fmt: skip


def test_it_stands_on_the_timeline(silences: Silences, incidents: Incidents, later: datetime) -> None:
    silences.silence(1, "maria", "cli", "disk change", later)
    silences.expire(1, "silence-1", "jonas", "console")
    incident = incidents.get(1)
    assert actions(incident) == ["opened", "silenced", "unsilenced"]
    assert incident.timeline[1].note == "until 2026-01-01 02:00:00 UTC: disk change (silence silence-1)"
    assert incident.state == "open"


def test_groups_that_were_merged_are_silenced_too(
    silences: Silences, incidents: Incidents, manager: Manager, later: datetime
) -> None:
    incidents.receive(firing(alert("c", alertname="ApplicationDown"), group="app"))
    incidents.merge(2, 1, "maria", "cli")
    assert silences.silence(1, "maria", "cli", "disk change", later) == ["silence-1", "silence-2"]


@pytest.mark.parametrize(
    ("why", "hours"), [("", 2), ("x", -1), ("x", 24 * 31)], ids=["no reason", "in the past", "beyond 30 days"]
)
def test_without_a_reason_or_an_end_nothing_is_silenced(
    silences: Silences, manager: Manager, clock: ManualClock, why: str, hours: int
) -> None:
    with pytest.raises(BadInput):
        silences.silence(1, "maria", "cli", why, moment(clock.now_ns()) + timedelta(hours=hours))
    assert manager.silences == []


def test_alerts_of_several_rules_are_not_silenced_by_the_little_they_share(
    silences: Silences, incidents: Incidents, manager: Manager, later: datetime
) -> None:
    incidents.receive(firing(alert("c", alertname="A"), alert("d", alertname="B"), group="mixed"))
    with pytest.raises(BadInput, match="no rule in common"):
        silences.silence(2, "maria", "cli", "disk change", later)
    assert manager.silences == []


@pytest.mark.parametrize(("status", "problem"), [(503, Unavailable), (400, BadInput)])
def test_alertmanagers_refusal_is_told_and_leaves_no_event(
    silences: Silences, incidents: Incidents, manager: Manager, status: int, problem: type[Exception]
) -> None:
    manager.status = status
    with pytest.raises(problem):
        silences.silence(1, "maria", "cli", "disk change", datetime(2026, 1, 1, 2, tzinfo=UTC))
    assert actions(incidents.get(1)) == ["opened"]


def test_a_silence_that_is_not_there_is_not_found(silences: Silences, manager: Manager) -> None:
    manager.status = 404
    with pytest.raises(NotFound, match="no such silence"):
        silences.expire(1, "../../status", "maria", "cli")
    assert manager.asked[-1] == "DELETE /api/v2/silence/..%2F..%2Fstatus"
