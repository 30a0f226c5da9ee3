"""What can be expected of a heartbeat, and when it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wardlight.heartbeats import Definition
from wardlight.heartbeats.plan import planned
from wardlight.problems import BadInput

ZURICH = ZoneInfo("Europe/Zurich")


def due(cron: str, base: datetime, zone: str = "Europe/Zurich") -> datetime:
    return planned("job", Definition(cron=cron, zone=zone)).due(base)


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZURICH, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("slug", "definition", "reason"),
    [
        ("ab", {"every": "1h"}, "slug: 3 to 64 of a-z"),
        ("a" * 65, {"every": "1h"}, "slug"),
        ("Nightly", {"every": "1h"}, "slug"),
        ("nightly", {}, "either `every` or `cron`"),
        ("nightly", {"every": "1h", "cron": "* * * * *"}, "either `every` or `cron`"),
        ("nightly", {"every": "soon"}, "every: 'soon' is not a duration"),
        ("nightly", {"every": "367d"}, "every: from 1 second to 366 days"),
        ("nightly", {"every": "1ms"}, "every: from 1 second"),
        ("nightly", {"every": "99999999999999999y"}, "every"),
        ("nightly", {"every": "1h", "grace": "0"}, "grace: from 1 second"),
        ("nightly", {"cron": "0 3 * *"}, "cron: five fields"),
        ("nightly", {"cron": "0 0 3 * * *"}, "cron: five fields"),
        ("nightly", {"cron": "0 25 * * *"}, "Bad hour"),
        ("nightly", {"cron": "0 0 30 2 *"}, "cron"),
        ("nightly", {"cron": "0 3 * * *", "zone": "Mars/Olympus"}, "zone: 'Mars/Olympus'"),
        ("nightly", {"cron": "0 3 * * *", "zone": "../../etc/passwd"}, "zone"),
        ("nightly", {"cron": "0 3 * * *", "zone": ""}, "zone"),
        ("nightly", {"every": "1h", "name": "x" * 501}, "name: longer"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(slug: str, definition: dict[str, str], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        planned(slug, Definition(**definition))  # type: ignore[arg-type]


def test_a_period_counts_from_the_ping() -> None:
    plan = planned("job", Definition(every="1d"))
    assert plan.due(local(2026, 3, 28, 12)) == local(2026, 3, 28, 12) + timedelta(hours=24)


def test_cron_is_local_time_whatever_the_season() -> None:
    assert due("30 2 * * *", local(2026, 1, 1, 12)) == local(2026, 1, 2, 2, 30)
    assert due("30 2 * * *", local(2026, 7, 1, 12)) == local(2026, 7, 2, 2, 30)


def test_a_job_of_the_hour_that_spring_leaves_out_runs_right_after_it() -> None:
    assert due("30 2 * * *", local(2026, 3, 28, 12)) == local(2026, 3, 29, 3, 0)


def test_a_job_of_the_hour_that_comes_twice_runs_once() -> None:
    first = due("30 2 * * *", local(2026, 10, 24, 12))
    assert first == local(2026, 10, 25, 2, 30)
    assert due("30 2 * * *", first) == local(2026, 10, 26, 2, 30)


def test_a_ping_in_the_second_pass_of_that_hour_is_not_late_at_once() -> None:
    assert due("45 2 * * *", local(2026, 10, 25, 2, 10, fold=1)) == local(2026, 10, 26, 2, 45)


def test_a_job_of_every_quarter_runs_in_both_passes() -> None:
    at, seen = local(2026, 10, 25, 1, 50), 0
    while (at := due("*/15 * * * *", at)) < local(2026, 10, 25, 3):
        seen += 1
    assert seen == 8


def test_a_ping_some_seconds_early_is_for_the_run_that_comes() -> None:
    assert due("0 3 * * *", local(2026, 1, 2, 2, 59, 30)) == local(2026, 1, 3, 3)
    assert due("0 3 * * *", local(2026, 1, 2, 2, 58)) == local(2026, 1, 2, 3)
    assert due("* * * * *", local(2026, 1, 2, 3, 0, 10)) == local(2026, 1, 2, 3, 1)


@given(
    some.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001
    some.sampled_from(["Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]),
    some.sampled_from(["30 2 * * *", "0 0 * * *", "*/7 * * * *", "15 1-3 * * *", "0 3 29 2 *", "0 9 * * 1#2", "59 1 L * *"]),
)  # fmt: skip
def test_the_next_ping_is_always_due_later_and_the_same_on_each_look(at: datetime, zone: str, cron: str) -> None:
    base = at.replace(tzinfo=UTC)
    found = due(cron, base, zone)
    assert found > base
    assert found == due(cron, base, zone)
    assert found.utcoffset() == timedelta()
