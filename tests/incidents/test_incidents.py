"""What becomes of Alertmanager's notices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.incidents.said import NOON, actions, alert, firing, only, resolved

from wardlight.clock import ManualClock
from wardlight.incidents import Incident, Incidents, rows
from wardlight.problems import NotFound
from wardlight.store.state import State


def test_a_firing_notice_opens_an_incident(incidents: Incidents, clock: ManualClock) -> None:
    incidents.receive(firing())
    incident = only(incidents)
    assert (incident.state, incident.severity, incident.category) == ("open", "critical", "outage")
    assert incident.title == "DatabaseDown: PostgreSQL does not answer"
    assert (incident.started, incident.ended) == (NOON, None)
    assert incident.first_notice == incident.last_notice == datetime(2026, 1, 1, tzinfo=UTC)
    assert incident.alerts == (alert(),)


def test_its_timeline_says_what_happened_by_whom_and_by_which_way(incidents: Incidents) -> None:
    incidents.receive(firing(alert(instance="clinic:5432")))
    (event,) = only(incidents).timeline
    assert (event.action, event.actor, event.source) == ("opened", "alertmanager", "webhook")
    assert event.note == "firing: DatabaseDown (clinic:5432)"


def test_the_same_notice_twice_changes_only_when_it_was_last_told(incidents: Incidents, clock: ManualClock) -> None:
    incidents.receive(firing())
    before = only(incidents)
    clock.advance(60)
    incidents.receive(firing())
    assert only(incidents) == replace(before, last_notice=before.first_notice + timedelta(seconds=60))


def test_the_same_end_twice_changes_only_when_it_was_last_told(incidents: Incidents, clock: ManualClock) -> None:
    incidents.receive(firing())
    incidents.receive(resolved())
    before = only(incidents)
    clock.advance(60)
    incidents.receive(resolved())
    assert only(incidents) == replace(before, last_notice=before.last_notice + timedelta(seconds=60))


def test_a_resolved_notice_resolves_it_at_the_last_alerts_end(incidents: Incidents) -> None:
    incidents.receive(firing())
    incidents.receive(resolved())
    incident = only(incidents)
    assert (incident.state, incident.ended) == ("resolved", NOON + timedelta(minutes=3))
    assert actions(incident) == ["opened", "resolved"]


def test_an_end_whose_beginning_we_missed_is_kept_too(incidents: Incidents) -> None:
    incidents.receive(resolved())
    assert (only(incidents).state, actions(only(incidents))) == ("resolved", ["opened", "resolved"])


def test_another_alert_of_the_group_updates_it(incidents: Incidents) -> None:
    incidents.receive(firing())
    incidents.receive(firing(alert(), alert("b", instance="two")))
    incident = only(incidents)
    assert [it.fingerprint for it in incident.alerts] == ["a", "b"]
    assert incident.timeline[-1].note == "firing: DatabaseDown (two)"


def test_an_alert_that_ends_alone_leaves_it_open(incidents: Incidents) -> None:
    incidents.receive(firing(alert(), alert("b")))
    incidents.receive(firing(alert(), alert("b", ended=NOON + timedelta(minutes=1))))
    incident = only(incidents)
    assert (incident.state, incident.timeline[-1].note) == ("open", "resolved: DatabaseDown")


def test_the_end_of_the_group_ends_alerts_that_it_did_not_name(incidents: Incidents) -> None:
    incidents.receive(firing(alert(), alert("b")))
    incidents.receive(resolved(alert(ended=NOON)))
    assert all(it.ended for it in only(incidents).alerts)


def test_changed_wording_is_kept_but_is_no_event(incidents: Incidents) -> None:
    incidents.receive(firing())
    incidents.receive(firing(replace(alert(), annotations={"summary": "still away"})))
    incident = only(incidents)
    assert (incident.title, actions(incident)) == ("DatabaseDown: still away", ["opened"])


def test_a_new_outage_after_the_end_is_a_new_incident(incidents: Incidents) -> None:
    incidents.receive(firing())
    incidents.receive(resolved())
    incidents.receive(firing(alert(started=NOON + timedelta(hours=1))))
    assert [(it.id, it.state) for it in incidents.listed("all")] == [(2, "open"), (1, "resolved")]


def test_the_same_occurrence_after_the_end_reopens_the_incident(incidents: Incidents) -> None:
    incidents.receive(firing())
    incidents.receive(resolved())
    incidents.receive(firing())
    incident = only(incidents)
    assert (incident.state, incident.ended, actions(incident)) == ("open", None, ["opened", "resolved", "reopened"])


def test_groups_are_incidents_of_their_own(incidents: Incidents) -> None:
    incidents.receive(firing(group="db"))
    incidents.receive(firing(group="app"))
    incidents.receive(resolved(group="db"))
    assert [it.group_key for it in incidents.listed("open")] == ["app"]
    assert [it.group_key for it in incidents.listed("resolved")] == ["db"]


def test_severity_is_the_highest_of_the_group(incidents: Incidents) -> None:
    incidents.receive(firing(alert("a", severity="info"), alert("b", severity="warning")))
    assert only(incidents).severity == "warning"


def test_severity_never_falls(incidents: Incidents) -> None:
    incidents.receive(firing(alert(severity="critical")))
    incidents.receive(firing(alert(severity="info")))
    assert only(incidents).severity == "critical"


@pytest.mark.parametrize("named", ["", "page"])
def test_an_unknown_severity_counts_as_a_warning(incidents: Incidents, named: str) -> None:
    incidents.receive(firing(alert(severity=named)))
    assert only(incidents).severity == "warning"


def test_its_labels_are_those_that_all_alerts_share(incidents: Incidents) -> None:
    incidents.receive(firing(alert("a", job="postgres", instance="one"), alert("b", job="postgres", instance="two")))
    assert only(incidents).labels["job"] == "postgres"
    assert "instance" not in only(incidents).labels


def test_the_watchdog_is_remembered_and_opens_nothing(incidents: Incidents, clock: ManualClock) -> None:
    assert incidents.watchdog_heard() is None
    incidents.receive(firing(alert(alertname="Watchdog")))
    clock.advance(30)
    incidents.receive(firing(alert(alertname="Watchdog")))
    assert incidents.watchdog_heard() == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert incidents.listed("all") == []


def test_a_watchdog_that_ends_was_not_heard(incidents: Incidents) -> None:
    incidents.receive(resolved(alert(alertname="Watchdog", ended=NOON)))
    assert incidents.watchdog_heard() is None


def test_alerts_grouped_with_the_watchdog_count(incidents: Incidents) -> None:
    watchdog = alert("w", alertname="Watchdog")
    incidents.receive(firing(alert(), watchdog))
    assert only(incidents).state == "open"
    incidents.receive(firing(alert(ended=NOON), watchdog))
    assert only(incidents).state == "resolved"


def test_it_survives_a_restart(incidents: Incidents, tmp_path: Path, clock: ManualClock) -> None:
    incidents.receive(firing())
    again = State(tmp_path / "state.db")
    assert Incidents(again, clock).get(1).alerts == (alert(),)
    again.close()


def test_the_list_is_newest_first_and_limited(incidents: Incidents) -> None:
    for group in "abc":
        incidents.receive(firing(group=group))
    assert [it.group_key for it in incidents.listed("all", limit=2)] == ["c", "b"]


def test_an_unknown_incident_is_not_found(incidents: Incidents) -> None:
    with pytest.raises(NotFound, match="no incident 7"):
        incidents.get(7)


def test_notices_at_once_open_one_incident(incidents: Incidents) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(incidents.receive, [firing()] * 32))
    assert actions(only(incidents)) == ["opened"]


def test_a_storm_is_one_incident(incidents: Incidents) -> None:
    storm = tuple(alert(f"{at:05}", instance=f"node{at}") for at in range(2000))
    incidents.receive(firing(*storm))
    incidents.receive(resolved(*(replace(it, ended=NOON) for it in storm)))
    incident = only(incidents)
    assert (len(incident.alerts), incident.alerts_total, incident.alerts_firing) == (50, 2000, 0)
    assert incident.state == "resolved"
    assert incident.timeline[0].note.endswith("DatabaseDown (node4) and 1995 more")


def test_an_incident_listed_is_the_one_shown(incidents: Incidents) -> None:
    incidents.receive(firing())
    (listed,) = incidents.listed()
    shown = incidents.get(listed.id)
    assert listed == Incident(**{name: getattr(shown, name) for name in Incident.__dataclass_fields__})


def test_an_incident_of_very_many_alerts_lets_those_go_that_ended_first(
    incidents: Incidents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_ALERTS", 3)
    for at in range(5):
        over = [alert(f"over{at}", ended=NOON + timedelta(minutes=at), instance=str(at))]
        incidents.receive(firing(alert(), *over))
    assert [it.fingerprint for it in only(incidents).alerts] == ["a", "over3", "over4"]
