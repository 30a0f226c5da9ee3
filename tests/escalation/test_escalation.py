"""What happens until somebody answers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.escalation.conftest import ONCALL, Desk

from wardlight.clock import moment

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def test_a_critical_incident_is_told_at_once_to_the_first_level_alone(desk: Desk) -> None:
    incident = desk.fire()
    desk.tick()
    assert desk.channels.told() == ["ann"]
    assert desk.timeline(incident) == [("notified", "first-level support: Ann by JSON")]


def test_one_step_is_told_once_however_often_one_looks(desk: Desk) -> None:
    desk.fire()
    for _ in range(10):
        desk.tick(1)
    assert desk.channels.told() == ["ann"]


def test_without_an_acknowledgement_the_next_levels_are_told_in_turn(desk: Desk) -> None:
    incident = desk.fire()
    desk.tick()
    desk.wait(4 * MINUTE)
    assert desk.channels.told() == ["ann"]
    desk.wait(MINUTE)
    assert desk.channels.told() == ["ann", "ben"]
    desk.wait(5 * MINUTE)
    assert sorted(desk.channels.told()[2:]) == ["ben", "cat"]
    assert ("escalated", "level 2, technical team") in desk.timeline(incident)


def test_the_last_level_is_told_again_until_somebody_answers(desk: Desk) -> None:
    desk.fire()
    desk.wait(10 * MINUTE + timedelta(seconds=1))
    before = len(desk.channels.sent)
    desk.wait(15 * MINUTE)
    assert len(desk.channels.sent) == before + 2


def test_an_acknowledgement_stops_it(desk: Desk) -> None:
    incident = desk.fire()
    desk.tick()
    desk.incidents.acknowledge(incident.id, "ann", "console")
    desk.wait(HOUR)
    assert desk.channels.told() == ["ann"]


def test_a_message_that_waits_is_dropped_when_somebody_acknowledges(desk: Desk) -> None:
    desk.channels.fail("ann")
    incident = desk.fire()
    desk.tick()
    desk.incidents.acknowledge(incident.id, "cat", "console")
    desk.channels.outcomes.clear()
    desk.wait(HOUR)
    assert desk.channels.told() == []
    (delivery,) = desk.escalation.deliveries(incident.id)
    assert (delivery.state, delivery.reason) == ("dropped", "cat had acknowledged before the message went")


def test_nobody_on_call_leads_to_the_next_level_at_once(desk: Desk) -> None:
    desk.configure(ONCALL.replace('who = ["ann"]', 'who = ["day"]') + """
        [rotations.day]
        people = ["ann"]
        hours = "Mon-Fri 13:00-14:00"
    """)  # fmt: skip
    incident = desk.fire()
    desk.tick()
    assert desk.channels.told() == ["ben"]
    assert desk.timeline(incident)[0] == (
        "not notified", "nobody on call at level 1, first-level support: the next level is asked at once",
    )  # fmt: skip


def test_where_nobody_is_on_call_at_all_the_timeline_says_so(desk: Desk) -> None:
    desk.configure(ONCALL.replace('who = ["ann"]', 'who = ["none"]').replace('who = ["ben"]', 'who = ["none"]')
                   .replace('who = ["cat", "ben"]', 'who = ["none"]') + """
        [rotations.none]
        people = ["ann"]
        hours = "Sun 13:00-14:00"
    """)  # fmt: skip
    incident = desk.fire()
    desk.tick()
    assert [note.rpartition(": ")[2] for _, note in desk.timeline(incident)] == [
        "the next level is asked at once", "the next level is asked at once", "there is no further level",
    ]  # fmt: skip
    desk.wait(14 * MINUTE)
    assert len(desk.timeline(incident)) == 3


def test_failures_that_may_pass_are_tried_again_with_growing_pauses(desk: Desk) -> None:
    desk.channels.fail("ann")
    desk.channels.fail("ben")
    desk.fire()
    start = moment(desk.clock.now_ns())
    desk.wait(10 * MINUTE, every=5)
    tries = [(at - start).total_seconds() for name, at in desk.channels.tried if name == "ann"]
    assert tries == [5, 15, 45, 165, 465]


def test_after_the_last_try_it_is_the_next_channels_turn(desk: Desk) -> None:
    desk.channels.fail("ann")
    incident = desk.fire()
    desk.tick()
    for pause in (10, 30, 120, 300):
        desk.tick(pause)
    assert "ann-sms" in desk.channels.told()
    reason = "Ann by JSON failed: connection refused, tried 5 times; next is sms"
    assert ("not notified", reason) in desk.timeline(incident)


def test_a_failure_that_stays_is_not_tried_again(desk: Desk) -> None:
    desk.channels.fail("ann", "HTTP 403", temporary=False)
    desk.fire()
    desk.tick()
    assert [name for name, _ in desk.channels.tried] == ["ann", "ann-sms"]


def test_when_nobody_of_a_level_can_be_reached_the_next_is_asked_at_once(desk: Desk) -> None:
    for name in ("ann", "ann-sms"):
        desk.channels.fail(name, "HTTP 403", temporary=False)
    incident = desk.fire()
    desk.tick()
    assert desk.channels.told() == ["ben"]
    assert ("not notified", "Ann by JSON failed: HTTP 403; there is no other channel") in desk.timeline(incident)


def test_one_who_is_reached_is_enough_for_a_level(desk: Desk) -> None:
    desk.configure(ONCALL.replace('who = ["ann"]', 'who = ["ann", "cat"]'))
    desk.channels.fail("cat", "HTTP 403", temporary=False)
    desk.fire()
    desk.wait(4 * MINUTE)
    assert desk.channels.told() == ["ann"]


def test_whoever_was_told_is_told_once_that_it_is_over(desk: Desk) -> None:
    incident = desk.fire()
    desk.wait(6 * MINUTE)
    desk.end(incident)
    desk.wait(HOUR)
    over = [(name, message.subject) for name, message in desk.channels.sent if message.severity == "resolved"]
    assert over == [("ann", "Resolved: DatabaseDown (db:5432)"), ("ben", "Resolved: DatabaseDown (db:5432)")]


def test_an_incident_that_is_opened_again_begins_anew(desk: Desk) -> None:
    incident = desk.fire()
    desk.wait(6 * MINUTE)
    desk.incidents.resolve(incident.id, "ann", "console")
    desk.tick()
    desk.clock.advance(3600)
    desk.fire()
    desk.channels.sent.clear()
    desk.tick()
    assert desk.channels.told() == ["ann"]


def test_a_graver_severity_begins_its_own_policy(desk: Desk) -> None:
    incident = desk.fire(severity="warning")
    desk.tick()
    assert desk.channels.told() == []
    desk.fire()
    desk.tick()
    assert desk.channels.told() == ["ann"]
    assert ("escalated", "now critical: from the first step of its policy") in desk.timeline(incident)


def test_a_stale_acknowledgement_is_reminded_once_and_then_taken_back(desk: Desk) -> None:
    incident = desk.fire()
    desk.tick()
    desk.incidents.acknowledge(incident.id, "ann", "link")
    desk.tick()
    desk.channels.sent.clear()
    desk.wait(2 * HOUR)
    assert [(name, message.subject) for name, message in desk.channels.sent] == [
        ("ann", "Still on it? DatabaseDown (db:5432)")
    ]
    desk.wait(14 * MINUTE)
    assert len(desk.channels.sent) == 1
    desk.wait(2 * MINUTE)
    assert desk.incidents.get(incident.id).state == "open"
    assert desk.channels.told() == ["ann", "ben"]


def test_a_note_keeps_an_acknowledgement_fresh(desk: Desk) -> None:
    incident = desk.fire()
    desk.tick()
    desk.incidents.acknowledge(incident.id, "ann", "link")
    for _ in range(5):
        desk.wait(HOUR)
        desk.incidents.note(incident.id, "ann", "console", "still looking")
    assert desk.channels.told() == ["ann"]
    assert desk.incidents.get(incident.id).state == "acknowledged"


def test_a_note_after_the_reminder_is_enough(desk: Desk) -> None:
    incident = desk.fire()
    desk.tick()
    desk.incidents.acknowledge(incident.id, "ann", "link")
    desk.wait(2 * HOUR + MINUTE)
    desk.incidents.note(incident.id, "ann", "console", "waiting for parts")
    desk.wait(HOUR)
    assert desk.incidents.get(incident.id).state == "acknowledged"


def test_warnings_wait_and_go_together(desk: Desk) -> None:
    desk.fire("one", severity="warning", alertname="DiskFilling")
    desk.tick(10)
    desk.fire("two", severity="warning", alertname="SlowRequests")
    desk.wait(28 * MINUTE)
    assert desk.channels.told() == []
    desk.wait(2 * MINUTE)
    ((name, message),) = desk.channels.sent
    assert (name, message.subject) == ("ann", "WARNING: 2 incidents: DiskFilling, SlowRequests")


def test_a_warning_that_ends_before_its_batch_is_told_to_nobody(desk: Desk) -> None:
    incident = desk.fire(severity="warning")
    desk.tick()
    desk.end(incident)
    desk.wait(2 * HOUR)
    assert desk.channels.told() == []
    assert ("not notified", "Ann: it was over before the message went") in desk.timeline(incident)


def test_warnings_may_wait_for_working_hours(desk: Desk) -> None:
    desk.configure(ONCALL + """
        [policies.warning]
        steps = [{ level = "technical" }]
        batch = "30m"
        working_hours = true
    """)  # fmt: skip
    desk.clock.advance(6 * 3600)
    desk.fire(severity="warning")
    desk.wait(13 * HOUR - 10 * MINUTE, every=300)
    assert desk.channels.told() == []
    desk.wait(10 * MINUTE)
    assert desk.channels.told() == ["ben"]
    assert moment(desk.clock.now_ns()).hour == 7


def test_information_is_told_to_nobody_and_the_timeline_says_why(desk: Desk) -> None:
    incident = desk.fire(severity="info")
    desk.wait(HOUR)
    assert desk.channels.told() == []
    assert desk.timeline(incident) == [
        ("not notified", "no policy tells anybody of info incidents of the category outage")
    ]


def test_one_contact_is_enough(desk: Desk) -> None:
    desk.configure("""
        [contact]
        channels = ["json://ann.example"]
    """)
    desk.fire()
    desk.tick()
    desk.wait(15 * MINUTE)
    assert desk.channels.told() == ["ann", "ann"]


def test_without_oncall_toml_incidents_wait_until_there_is_one(desk: Desk) -> None:
    (desk.data / "oncall.toml").unlink()
    incident = desk.fire()
    desk.wait(10 * MINUTE)
    assert [action for action, _ in desk.timeline(incident)] == ["not notified"]
    desk.configure(ONCALL)
    desk.tick()
    assert desk.channels.told() == ["ann"]


def test_a_broken_oncall_toml_changes_nothing(desk: Desk) -> None:
    desk.tick()
    desk.configure("[people.ann]\nzone = 7\n")
    desk.fire()
    desk.tick()
    assert desk.channels.told() == ["ann"]
    assert "people.ann.zone" in desk.escalation.roster.fault


def test_policies_may_continue_with_others(desk: Desk) -> None:
    desk.configure(ONCALL + """
        [policies.critical]
        steps = [{ level = "support" }]
        then = "rest"
        [policies.rest]
        steps = [{ level = "emergency", after = "2m" }]
    """)  # fmt: skip
    desk.fire()
    desk.wait(3 * MINUTE)
    assert sorted(desk.channels.told()) == ["ann", "ben", "cat"]


def test_routes_choose_by_severity_and_category(desk: Desk) -> None:
    desk.configure(ONCALL + """
        [policies.security]
        steps = [{ level = "emergency" }]
        [[routes]]
        severity = ["critical"]
        category = ["security"]
        policy = "security"
    """)  # fmt: skip
    desk.fire(category="security")
    desk.tick()
    assert sorted(desk.channels.told()) == ["ben", "cat"]


def test_many_incidents_at_once_are_one_message(desk: Desk) -> None:
    for at in range(300):
        desk.fire(f"group{at}", alertname=f"Alert{at % 5}")
    desk.tick()
    ((_, message),) = desk.channels.sent
    assert message.subject == "CRITICAL: 300 incidents: Alert0, Alert1, Alert2, …"
    assert "and 290 more" in message.text
    assert len(desk.escalation.deliveries()) == 300


def test_a_merged_incident_goes_with_the_other(desk: Desk) -> None:
    one, two = desk.fire("one"), desk.fire("two")
    desk.tick()
    desk.incidents.merge(two.id, one.id, "ann", "console")
    desk.channels.sent.clear()
    desk.wait(6 * MINUTE)
    assert desk.channels.told() == ["ben"]


def test_levels_may_choose_channels(desk: Desk) -> None:
    desk.configure(ONCALL.replace('who = ["ann"]', 'who = ["ann"]\nchannels = ["sms"]'))
    desk.fire()
    desk.tick()
    assert desk.channels.told() == ["ann-sms"]


def test_everything_that_is_kept_names_no_address(desk: Desk, tmp_path: Path) -> None:
    desk.channels.fail("ann")
    desk.fire()
    desk.wait(10 * MINUTE)
    assert b"json://" not in b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
