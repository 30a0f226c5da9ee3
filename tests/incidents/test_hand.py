"""What people do to incidents: taking them on, calling them over, documenting them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.incidents.said import NOON, actions, alert, firing, only, resolved

from wardlight.clock import ManualClock
from wardlight.incidents import CAUSES, Incidents, Response
from wardlight.problems import BadInput, Conflict, NotFound

RESPONSE = Response(cause="hardware", done="The disk was replaced.", follow_up="none")


@pytest.fixture(autouse=True)
def opened(incidents: Incidents) -> None:
    """Incident 1 is open."""
    incidents.receive(firing())


def test_it_says_who_took_it_on_and_when(incidents: Incidents, clock: ManualClock) -> None:
    clock.advance(90)
    incident = incidents.acknowledge(1, "maria", "cli", "looking")
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "maria")
    assert incident.acknowledged_at == incident.opened + timedelta(seconds=90)
    event = only(incidents).timeline[-1]
    assert (event.action, event.actor, event.source, event.note) == ("acknowledged", "maria", "cli", "looking")


def test_the_same_person_once_more_changes_nothing(incidents: Incidents, clock: ManualClock) -> None:
    first = incidents.acknowledge(1, "maria", "cli")
    clock.advance(60)
    assert incidents.acknowledge(1, "maria", "link") == first
    assert actions(only(incidents)) == ["opened", "acknowledged"]


def test_another_is_told_who_was_first(incidents: Incidents) -> None:
    incidents.acknowledge(1, "maria", "cli")
    with pytest.raises(Conflict, match="incident 1 was acknowledged by maria at 2026-01-01 00:00:00 UTC"):
        incidents.acknowledge(1, "jonas", "console")


def test_of_many_at_once_one_wins_and_the_others_are_told_who(incidents: Incidents) -> None:
    def attempt(who: str) -> str:
        try:
            return incidents.acknowledge(1, who, "console").acknowledged_by
        except Conflict as conflict:
            return str(conflict).partition(" by ")[2].partition(" at ")[0]

    with ThreadPoolExecutor(8) as pool:
        said = set(pool.map(attempt, [f"nurse{at}" for at in range(16)]))
    assert said == {only(incidents).acknowledged_by}
    assert actions(only(incidents)) == ["opened", "acknowledged"]


def test_an_acknowledgement_can_be_taken_back(incidents: Incidents) -> None:
    incidents.acknowledge(1, "maria", "cli")
    incident = incidents.release(1, "escalation", "escalation", "nothing heard for an hour")
    assert (incident.state, incident.acknowledged_by, incident.acknowledged_at) == ("open", "", None)
    with pytest.raises(Conflict, match="nobody is on it"):
        incidents.release(1, "escalation", "escalation", "again")


def test_a_note_stays_as_it_was_written(incidents: Incidents) -> None:
    incidents.note(1, "maria", "console", " the <b>pump</b> is off ")
    assert only(incidents).timeline[-1].note == "the <b>pump</b> is off"


def test_it_is_closed_only_with_a_response(incidents: Incidents) -> None:
    with pytest.raises(Conflict, match="resolve it before"):
        incidents.document(1, "maria", "cli", RESPONSE)
    incidents.resolve(1, "maria", "cli")
    incident = incidents.document(1, "maria", "cli", RESPONSE)
    assert (incident.state, incident.cause, incident.done, incident.follow_up) == (
        "documented", "hardware", "The disk was replaced.", "none",
    )  # fmt: skip
    assert only(incidents).timeline[-1].note == "hardware: The disk was replaced.; follow-up: none"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cause": "gremlins"}, "the cause is one of hardware, software"),
        ({"done": " "}, "what was done is missing"),
        ({"follow_up": ""}, "the follow-up .none is an answer. is missing"),
        ({"done": "x" * 10_001}, "longer than 10000"),
    ],
)
def test_a_response_that_says_nothing_is_refused(incidents: Incidents, changes: dict[str, str], reason: str) -> None:
    incidents.resolve(1, "maria", "cli")
    with pytest.raises(BadInput, match=reason):
        incidents.document(1, "maria", "cli", replace(RESPONSE, **changes))
    assert only(incidents).state == "resolved"


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_of_the_list_is_taken(incidents: Incidents, cause: str) -> None:
    incidents.resolve(1, "maria", "cli")
    assert incidents.document(1, "maria", "cli", replace(RESPONSE, cause=cause)).cause == cause


def test_what_is_over_is_not_taken_on(incidents: Incidents) -> None:
    incidents.resolve(1, "maria", "cli")
    with pytest.raises(Conflict, match="incident 1 is resolved"):
        incidents.acknowledge(1, "jonas", "cli")
    incidents.document(1, "maria", "cli", RESPONSE)
    for action in (incidents.acknowledge, incidents.resolve):
        with pytest.raises(Conflict, match="incident 1 is documented"):
            action(1, "jonas", "cli")


def test_resolving_twice_is_once(incidents: Incidents) -> None:
    incidents.resolve(1, "maria", "cli")
    incidents.resolve(1, "jonas", "cli")
    assert actions(only(incidents)) == ["opened", "resolved"]


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\x1b[31m", "\u202ebob"])
def test_somebody_without_a_name_may_nothing(incidents: Incidents, name: str) -> None:
    with pytest.raises(BadInput, match="who does it"):
        incidents.acknowledge(1, name, "api")


def test_there_must_be_such_an_incident(incidents: Incidents) -> None:
    with pytest.raises(NotFound, match="no incident 9"):
        incidents.note(9, "maria", "cli", "hello")


def test_a_reopened_incident_is_open_and_nobody_is_on_it(incidents: Incidents, clock: ManualClock) -> None:
    incidents.acknowledge(1, "maria", "cli")
    incidents.receive(resolved())
    incidents.document(1, "maria", "cli", RESPONSE)
    clock.advance(600)
    incidents.receive(firing())
    incident = only(incidents)
    assert (incident.state, incident.reopened, incident.acknowledged_by, incident.cause) == ("open", 1, "", "")
    assert incident.opened == incident.first_notice + timedelta(seconds=600)
    assert actions(incident) == ["opened", "acknowledged", "resolved", "documented", "reopened"]


def test_the_end_resolves_what_somebody_is_on(incidents: Incidents) -> None:
    incidents.acknowledge(1, "maria", "cli")
    incidents.receive(resolved())
    assert (only(incidents).state, only(incidents).acknowledged_by) == ("resolved", "maria")


class TestResolvedByHandWhileItFires:
    """Calling it over doesn't make it so."""

    @pytest.fixture(autouse=True)
    def by_hand(self, incidents: Incidents) -> None:
        incidents.resolve(1, "maria", "console")

    def test_a_notice_that_only_repeats_leaves_it(self, incidents: Incidents, clock: ManualClock) -> None:
        clock.advance(60)
        incidents.receive(firing())
        assert only(incidents).state == "resolved"

    def test_news_reopen_it(self, incidents: Incidents) -> None:
        incidents.receive(firing(alert(), alert("b", instance="two")))
        assert only(incidents).state == "open"

    def test_a_notice_a_quarter_of_an_hour_later_reopens_it(self, incidents: Incidents, clock: ManualClock) -> None:
        clock.advance(15 * 60)
        incidents.receive(firing())
        assert (only(incidents).state, actions(only(incidents))[-1]) == ("open", "reopened")

    def test_its_real_end_is_kept_and_changes_no_state(self, incidents: Incidents) -> None:
        incidents.receive(resolved())
        incident = only(incidents)
        assert (incident.state, incident.ended) == ("resolved", NOON + timedelta(minutes=3))
        assert actions(incident) == ["opened", "resolved", "updated"]

    def test_the_next_outage_after_its_real_end_is_another_incident(self, incidents: Incidents) -> None:
        incidents.receive(resolved())
        incidents.receive(firing(alert(started=NOON + timedelta(hours=1))))
        assert [(it.id, it.state) for it in incidents.listed("all")] == [(2, "open"), (1, "resolved")]
