"""What messages say, and what they don't."""

from __future__ import annotations

import pytest
from tests.escalation.conftest import NOON, ONCALL, Desk

from wardlight.incidents import Alert, Notice
from wardlight.notify import Message


def page(desk: Desk, labels: dict[str, str], **annotations: str) -> Message:
    told = {"alertname": "FailedLogins", "severity": "critical"} | labels
    alert = Alert(fingerprint="a", labels=told, annotations=annotations, started=NOON, ended=None)
    desk.incidents.receive(Notice(group_key="a", firing=True, alerts=(alert,)))
    desk.tick()
    return desk.channels.sent[-1][1]


def test_a_page_says_what_where_since_when_and_how_to_answer(desk: Desk) -> None:
    labels = {"category": "security", "service_name": "clinic", "instance": "clinic:8000"}
    message = page(desk, labels, summary="21 failed log-ins at clinic", runbook="docs/alerts.md#failedlogins")
    assert message.subject == "CRITICAL: FailedLogins (clinic:8000)"
    assert message.text.splitlines() == [
        "CRITICAL · security · incident 1", "FailedLogins (clinic:8000)", "21 failed log-ins at clinic",
        "Service: clinic", "Since 2026-01-01 12:00 UTC; 1 alert firing", "Told: first-level support",
    ]  # fmt: skip
    assert [word for word, _ in message.links] == ["Acknowledge", "Incident 1", "Runbook"]


def test_times_are_in_the_readers_zone(desk: Desk) -> None:
    desk.configure(ONCALL.replace('who = ["ann"]', 'who = ["ben"]'))
    assert "Since 2026-01-01 13:00 CET" in page(desk, {}).text


@pytest.mark.parametrize("label", ["user_id", "patient_id", "client_address"])
def test_no_other_label_leaves_and_no_summary_beside_one_that_leads_to_a_person(desk: Desk, label: str) -> None:
    message = page(desk, {label: "jane.roe"}, summary="jane.roe is locked out")
    assert "jane" not in message.whole() + message.subject


def test_what_could_lead_to_a_person_is_left_out_of_a_summary(desk: Desk) -> None:
    message = page(desk, {}, summary="record MRN1234567 of user_id=jane at http://evil.example/?p=1")
    assert "record … of user_id=… at evil.example/" in message.text


def test_annotations_other_than_summary_and_runbook_stay(desk: Desk) -> None:
    message = page(desk, {}, summary="s", description="patient 7", action="call jane")
    assert "patient 7" not in message.whole()
    assert "jane" not in message.whole()


@pytest.mark.parametrize("runbook", ["javascript:alert(1)", "http://x/?patient=1", "http://x/1234567", "see http://x"])
def test_a_runbook_that_is_no_plain_address_stays(desk: Desk, runbook: str) -> None:
    assert [word for word, _ in page(desk, {}, runbook=runbook).links] == ["Acknowledge", "Incident 1"]


def test_summaries_may_stay_altogether(desk: Desk) -> None:
    desk.configure("summaries = false\n" + ONCALL)
    assert "locked" not in page(desk, {}, summary="somebody is locked out").text
