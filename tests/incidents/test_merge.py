"""Two incidents that are one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.incidents.said import NOON, actions, alert, firing, resolved

from wardlight.incidents import Incidents
from wardlight.problems import Conflict, NotFound

APP = alert("b", alertname="ApplicationDown", severity="warning")
LATER = NOON + timedelta(minutes=9)


@pytest.fixture(autouse=True)
def merged(incidents: Incidents) -> None:
    """Incident 1 (app, a warning) has taken in incident 2 (db, critical)."""
    incidents.receive(firing(APP, group="app"))
    incidents.receive(firing(group="db"))
    incidents.merge(2, 1, "maria", "console")


def test_it_counts_for_the_other(incidents: Incidents) -> None:
    head, member = incidents.get(1), incidents.get(2)
    assert (member.state, member.merged_into) == ("merged", 1)
    assert (head.state, head.severity, head.alerts_total, head.merged) == ("open", "critical", 2, (2,))
    assert [it.id for it in incidents.pending()] == [1]


def test_both_timelines_say_so(incidents: Incidents) -> None:
    told = [incidents.get(number).timeline[-1] for number in (1, 2)]
    assert [(it.action, it.actor, it.source) for it in told] == [
        ("took in", "maria", "console"),
        ("merged", "maria", "console"),
    ]
    assert told[0].note == "incident 2: DatabaseDown: PostgreSQL does not answer"


def test_its_alerts_go_on_to_update_the_other(incidents: Incidents) -> None:
    incidents.receive(firing(alert(), alert("c", instance="two"), group="db"))
    assert incidents.get(1).timeline[-1].note == "firing: DatabaseDown (two)"
    assert (incidents.get(1).alerts_firing, actions(incidents.get(2))) == (3, ["opened", "merged"])


@pytest.mark.parametrize("first", ["app", "db"])
def test_it_is_over_only_when_all_groups_are(incidents: Incidents, first: str) -> None:
    ends = {
        "app": resolved(alert("b", ended=NOON, alertname="ApplicationDown", severity="warning"), group="app"),
        "db": resolved(alert(ended=LATER), group="db"),
    }
    incidents.receive(ends.pop(first))
    assert (incidents.get(1).state, incidents.get(1).ended) == ("open", None)
    incidents.receive(ends.popitem()[1])
    assert (incidents.get(1).state, incidents.get(1).ended) == ("resolved", LATER)


def test_the_same_end_twice_is_once(incidents: Incidents) -> None:
    for _ in range(2):
        incidents.receive(resolved(group="db"))
    assert actions(incidents.get(1)) == ["opened", "took in", "updated"]


def test_a_group_that_fires_again_while_the_other_goes_on_belongs_to_it(incidents: Incidents) -> None:
    incidents.receive(resolved(group="db"))
    incidents.receive(firing(alert(started=LATER), group="db"))
    assert (incidents.get(1).alerts_firing, incidents.count("all")) == (2, 2)
    incidents.receive(resolved(alert("b", ended=NOON, alertname="ApplicationDown"), group="app"))
    incidents.receive(firing(alert("b", started=LATER, alertname="ApplicationDown"), group="app"))
    assert (incidents.get(1).state, incidents.count("all")) == ("open", 2)


def test_a_new_outage_after_the_end_of_all_is_a_new_incident(incidents: Incidents) -> None:
    incidents.receive(resolved(alert("b", ended=NOON, alertname="ApplicationDown"), group="app"))
    incidents.receive(resolved(group="db"))
    incidents.receive(firing(alert(started=LATER), group="db"))
    assert [(it.id, it.state) for it in incidents.listed("all")] == [(3, "open"), (2, "merged"), (1, "resolved")]


def test_the_same_occurrence_after_the_end_of_all_reopens_the_other(incidents: Incidents) -> None:
    incidents.receive(resolved(alert("b", ended=NOON, alertname="ApplicationDown"), group="app"))
    incidents.receive(resolved(group="db"))
    incidents.receive(firing(group="db"))
    assert (incidents.get(1).state, incidents.get(1).reopened, incidents.get(2).state) == ("open", 1, "merged")


def test_an_incident_that_took_others_in_takes_them_along(incidents: Incidents) -> None:
    incidents.receive(firing(alert("d"), group="disk"))
    incidents.merge(1, 3, "maria", "console")
    assert incidents.get(3).merged == (1, 2)
    assert incidents.get(2).merged_into == 3
    for group, over in (("app", "b"), ("db", "a"), ("disk", "d")):
        assert incidents.get(3).state == "open"
        incidents.receive(resolved(alert(over, ended=NOON), group=group))
    assert incidents.get(3).state == "resolved"


def test_what_makes_no_sense_is_refused(incidents: Incidents) -> None:
    with pytest.raises(Conflict, match="incident 2 is merged into incident 1"):
        incidents.merge(2, 1, "maria", "cli")
    with pytest.raises(Conflict, match="incident 2 is merged into incident 1 itself"):
        incidents.merge(1, 2, "maria", "cli")
    with pytest.raises(Conflict, match="into itself"):
        incidents.merge(1, 1, "maria", "cli")
    with pytest.raises(NotFound):
        incidents.merge(1, 9, "maria", "cli")
    with pytest.raises(Conflict, match="incident 2 is merged into incident 1"):
        incidents.acknowledge(2, "maria", "cli")


def test_nothing_that_goes_on_is_hidden_in_what_is_over(incidents: Incidents) -> None:
    incidents.receive(firing(alert("d"), group="disk"))
    incidents.resolve(1, "maria", "cli")
    with pytest.raises(Conflict, match="incident 1 is resolved: nothing that goes on"):
        incidents.merge(3, 1, "maria", "cli")
