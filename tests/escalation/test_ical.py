"""Calendars, out and in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.escalation.conftest import ONCALL, Desk

from wardlight.escalation import ical
from wardlight.escalation.calendars import Calendars
from wardlight.escalation.policy import OnCall, Person, Rotation
from wardlight.escalation.rotation import Duty, shifts
from wardlight.escalation.when import Hours
from wardlight.problems import BadConfig

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {
    "ann": Person(channels={}, name="Ann Archer", email="ann@example.org"),
    "ben": Person(channels={}, name="Ben Ürün"),
}
START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)


def calendar(*events: str) -> bytes:
    made = "".join(
        f"BEGIN:VEVENT\nUID:{at}\nDTSTAMP:20260101T000000Z\n{event}\nEND:VEVENT\n" for at, event in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{made}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def read(content: bytes) -> list[Duty]:
    duties, nobody = ical.read(content, PEOPLE, BERLIN, START, END)
    assert nobody == []
    return duties


WEEKLY = "DTSTART;TZID=Europe/Berlin:20260302T090000\nDTEND;TZID=Europe/Berlin:20260302T170000\nSUMMARY:Ann Archer\n"


def test_what_is_written_is_read_back() -> None:
    rotation = Rotation(people=("ann", "ben"), zone=BERLIN, start=date(2026, 1, 5))
    written = list(shifts(rotation, START, END))
    content = ical.write("support", written, PEOPLE, START)
    assert read(content) == [Duty(one.people[0], one.since, one.until) for one in written]


def test_the_same_shift_has_the_same_uid_every_time() -> None:
    rotation = Rotation(people=("ann",), zone=BERLIN, hours=Hours.parse("Mon 09:00-17:00"))
    first, second = (
        ical.write("s", shifts(rotation, at, END), PEOPLE, at) for at in (START, START + timedelta(hours=1))
    )
    uids = [[line for line in text.splitlines() if line.startswith(b"UID")] for text in (first, second)]
    assert uids[0] == uids[1]


def test_a_weekly_event_stays_at_its_local_time() -> None:
    found = read(calendar(WEEKLY + "RRULE:FREQ=WEEKLY;COUNT=5"))
    assert [duty.since.hour for duty in found] == [8, 8, 8, 8, 7]
    assert [duty.since.astimezone(BERLIN).hour for duty in found] == [9] * 5


def test_an_end_in_utc_is_meant_as_an_instant() -> None:
    found = read(calendar(WEEKLY + "RRULE:FREQ=WEEKLY;UNTIL=20260316T080000Z"))
    assert [duty.since.day for duty in found] == [2, 9, 16]


def test_exceptions_and_further_dates_count() -> None:
    rule = (
        "RRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20260309T090000\nRDATE;TZID=Europe/Berlin:20260320T090000"
    )
    assert [duty.since.day for duty in read(calendar(WEEKLY + rule))] == [2, 16, 20]


def test_an_occurrence_that_was_moved_is_where_it_was_moved_to() -> None:
    moved = (
        "RECURRENCE-ID;TZID=Europe/Berlin:20260309T090000\nDTSTART;TZID=Europe/Berlin:20260310T120000\n"
        "DTEND;TZID=Europe/Berlin:20260310T170000\nSUMMARY:ben"
    )
    content = calendar(WEEKLY + "RRULE:FREQ=WEEKLY;COUNT=3", moved).replace(b"UID:1", b"UID:0")
    assert [(duty.person, duty.since.day) for duty in read(content)] == [("ann", 2), ("ben", 10), ("ann", 16)]


@pytest.mark.parametrize(
    "who", ["SUMMARY:ben", "SUMMARY:Ben Ürün", "SUMMARY:x\nATTENDEE;CN=ben ürün:mailto:b@example.org"]
)
def test_people_are_known_by_key_and_name(who: str) -> None:
    (duty,) = read(calendar(f"DTSTART:20260302T090000Z\nDTEND:20260302T100000Z\n{who}"))
    assert duty.person == "ben"


def test_people_are_known_by_address() -> None:
    (duty,) = read(
        calendar("DTSTART:20260302T090000Z\nDURATION:PT1H\nSUMMARY:On call\nATTENDEE:mailto:Ann@Example.org")
    )
    assert (duty.person, duty.until - duty.since) == ("ann", timedelta(hours=1))


def test_whole_days_begin_at_the_rotations_midnight() -> None:
    (duty,) = read(calendar("DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260304\nSUMMARY:ann"))
    assert (duty.since.astimezone(BERLIN).isoformat(), duty.until - duty.since) == (
        "2026-03-02T00:00:00+01:00", timedelta(days=2),
    )  # fmt: skip


def test_cancelled_events_are_none() -> None:
    assert read(calendar(WEEKLY + "STATUS:CANCELLED")) == []


def test_events_of_nobody_are_named() -> None:
    _, nobody = ical.read(calendar(WEEKLY.replace("Ann Archer", "Holiday")), PEOPLE, BERLIN, START, END)
    assert nobody == ["Holiday"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"BEGIN:VCALENDAR", calendar(WEEKLY + "RRULE:FREQ=SECONDLY")])
def test_what_is_no_calendar_is_refused(content: bytes) -> None:
    with pytest.raises(BadConfig):
        ical.read(content, PEOPLE, BERLIN, START, END)


def test_a_calendar_says_who_is_on_call(desk: Desk) -> None:
    desk.configure(
        ONCALL.replace('who = ["ann"]', 'who = ["shared"]') + '\n[rotations.shared]\ncalendar = "shared.ics"\n'
    )
    event = calendar("DTSTART:20260101T110000Z\nDTEND:20260101T130000Z\nSUMMARY:Cat")
    (desk.data / "shared.ics").write_bytes(event)
    desk.escalation.roster.refresh()
    desk.fire()
    desk.tick()
    assert desk.channels.told() == ["cat"]


def test_the_last_good_copy_is_kept(tmp_path: Path) -> None:
    rotation = Rotation(calendar="n.ics", zone=BERLIN)
    oncall = OnCall(people=PEOPLE, rotations={"n": rotation}, levels={}, policies={}, routes=())
    (tmp_path / "n.ics").write_bytes(calendar(WEEKLY))
    kept = Calendars(tmp_path)
    kept.refresh(oncall, START)
    (tmp_path / "n.ics").write_text("broken")
    kept.refresh(oncall, START + timedelta(hours=1))
    assert [duty.person for duty in kept.duties("n", rotation, PEOPLE, (START, END))] == ["ann"]
    (tmp_path / "n.ics").unlink()
    kept.refresh(oncall, START + timedelta(hours=2))
    assert len(kept.duties("n", rotation, PEOPLE, (START, END))) == 1
