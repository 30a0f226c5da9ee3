"""Who is on call, through weeks, zones and changes of the clock."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.escalation.policy import Rotation
from wardlight.escalation.rotation import Duty, now_and_next, people_at, shifts
from wardlight.escalation.when import Handover, Hours

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata")
zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
instants = st.integers(1_735_689_600, 1_830_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
rotations = st.builds(
    Rotation,
    people=st.sampled_from([("ann",), ("ann", "ben"), ("ann", "ben", "cat")]),
    zone=zones,
    shift=st.sampled_from(["daily", "weekly"]),
    handover=st.builds(Handover, st.times(), st.integers(0, 6)),
    start=st.dates(date(2024, 1, 1), date(2027, 1, 1)),
    hours=st.sampled_from(
        [Hours(), Hours.parse("Mon-Fri 08:00-17:00"), Hours.parse("Fri-Sun 22:00-06:00, Tue 02:15-02:45")]
    ),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@given(rotations, instants)
def test_shifts_cover_a_range_without_gaps_or_overlaps(rotation: Rotation, start: datetime) -> None:
    end = start + timedelta(days=20)
    found = list(shifts(rotation, start, end))
    assert (found[0].since, found[-1].until) == (start, end)
    assert all(one.until == two.since and one.people != two.people for one, two in itertools.pairwise(found))


@given(rotations, instants, st.floats(0, 1))
def test_who_is_on_call_at_an_instant_is_who_the_shifts_say(rotation: Rotation, start: datetime, share: float) -> None:
    end = start + timedelta(days=20)
    moment = start + share * (end - start)
    shift = next(one for one in shifts(rotation, start, end) if one.since <= moment < one.until or moment == end)
    if moment < end:
        assert people_at(rotation, moment) == shift.people


@given(rotations, instants)
def test_every_handover_is_at_its_local_time(rotation: Rotation, start: datetime) -> None:
    """Unless the clock skips that time, or hours begin or end."""
    if len(rotation.people) == 1 or rotation.hours.periods:
        return
    changes = [one.since for one in shifts(rotation, start, start + timedelta(days=40))][1:]
    assert changes
    for change in changes:
        local = change.astimezone(rotation.zone)
        skipped = datetime.combine(local.date(), rotation.handover.at, rotation.zone).astimezone(UTC)
        assert change == skipped
        assert rotation.shift == "daily" or local.weekday() == rotation.handover.weekday or local.time() < time(1)


@given(rotations, instants)
def test_everybody_takes_turns(rotation: Rotation, start: datetime) -> None:
    if rotation.hours.periods:
        return
    found = list(shifts(rotation, start, start + timedelta(days=60)))
    order = [one.people[0] for one in found]
    for before, after in itertools.pairwise(order):
        known = rotation.people
        assert after == known[(known.index(before) + 1) % len(known)]


def test_the_first_person_begins_on_the_first_day() -> None:
    rotation = Rotation(people=("ann", "ben"), zone=ZoneInfo("Europe/Berlin"), start=date(2026, 1, 5))
    assert people_at(rotation, at("2026-01-05T09:00+01:00")) == ("ann",)
    assert people_at(rotation, at("2026-01-12T08:59+01:00")) == ("ann",)
    assert people_at(rotation, at("2026-01-12T09:00+01:00")) == ("ben",)
    assert people_at(rotation, at("2026-01-05T08:59+01:00")) == ("ben",)


@pytest.mark.parametrize(
    ("before", "after"),
    [("2026-03-23T09:00+01:00", "2026-03-30T09:00+02:00"), ("2026-10-19T09:00+02:00", "2026-10-26T09:00+01:00")],
)
def test_the_handover_stays_at_nine_when_the_clocks_change(before: str, after: str) -> None:
    rotation = Rotation(people=("ann", "ben"), zone=ZoneInfo("Europe/Berlin"))
    now, following = now_and_next(rotation, at(before))
    assert now.until == at(after)
    assert following is not None
    assert following.people != now.people


def test_a_handover_that_the_clock_skips_is_after_the_gap() -> None:
    rotation = Rotation(
        people=("ann", "ben"), zone=ZoneInfo("Europe/Berlin"), shift="daily", handover=Handover(time(2, 30))
    )
    now, _ = now_and_next(rotation, at("2026-03-28T12:00+01:00"))
    assert now.until == at("2026-03-29T03:30+02:00")


def test_a_handover_that_comes_twice_is_the_first() -> None:
    rotation = Rotation(
        people=("ann", "ben"), zone=ZoneInfo("Europe/Berlin"), shift="daily", handover=Handover(time(2, 30))
    )
    now, _ = now_and_next(rotation, at("2026-10-24T12:00+02:00"))
    assert now.until == at("2026-10-25T02:30+02:00")


def test_outside_its_hours_nobody_is_on_call() -> None:
    rotation = Rotation(people=("ann",), zone=ZoneInfo("America/New_York"), hours=Hours.parse("Mon-Fri 08:00-17:00"))
    now, following = now_and_next(rotation, at("2026-07-03T18:00-04:00"))
    assert (now.people, now.until) == ((), at("2026-07-06T08:00-04:00"))
    assert following is not None
    assert (following.people, following.until) == (("ann",), at("2026-07-06T17:00-04:00"))


def test_hours_may_go_over_midnight() -> None:
    hours = Hours.parse("Fri 22:00-06:00")
    zone = ZoneInfo("Europe/Berlin")
    assert hours.open_at(at("2026-07-04T05:59+02:00"), zone)
    assert not hours.open_at(at("2026-07-04T06:00+02:00"), zone)
    assert hours.next_open(at("2026-07-04T06:00+02:00"), zone) == at("2026-07-10T22:00+02:00")


def test_an_override_comes_first_and_the_latest_before_all() -> None:
    rotation = Rotation(people=("ann",), hours=Hours.parse("Mon 09:00-10:00"))
    night = Duty("ben", at("2026-01-05T22:00Z"), at("2026-01-06T06:00Z"))
    later = Duty("cat", at("2026-01-06T00:00Z"), at("2026-01-06T01:00Z"))
    found = list(shifts(rotation, at("2026-01-05T20:00Z"), at("2026-01-06T08:00Z"), [night, later]))
    assert [(one.people, one.until.hour) for one in found] == [
        ((), 22),
        (("ben",), 0),
        (("cat",), 1),
        (("ben",), 6),
        ((), 8),
    ]


@pytest.mark.parametrize("text", ["Mon-Fri", "Mon 9:00-17:00", "Foo 09:00-10:00", "Mon 25:00-26:00", "09:00"])
def test_hours_that_nobody_can_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        Hours.parse(text)


def test_hours_that_the_clock_skips_are_after_the_gap() -> None:
    hours = Hours.parse("Sun 02:15-02:45")
    found = hours.next_open(at("2026-03-23T12:00+01:00"), ZoneInfo("Europe/Berlin"))
    assert found == at("2026-03-29T03:15+02:00")
