"""What pings and time make of a heartbeat."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wardlight.heartbeats import Action, Definition
from wardlight.heartbeats.life import MAX_RUNS, Absence, Beat, Ping, held, moved, pinged, stand
from wardlight.heartbeats.plan import planned

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PLAN = planned("job", Definition(every="1h", grace="10m"))


def after(*pings: tuple[Action, float], rid: str = "") -> Beat:
    """A heartbeat watched since noon, and its pings at minutes after."""
    beat = Beat(watched=NOON)
    for action, minutes in pings:
        beat = take(beat, action, minutes, rid)
    return beat


def take(beat: Beat, action: Action, minutes: float, rid: str = "", code: int | None = None) -> Beat:
    ping = Ping(action=action, at=NOON + minutes * MINUTE, rid=rid, exit_code=code)
    return pinged(beat, ping, PLAN.grace)[0]


def state(beat: Beat, minutes: float, absence: Absence | None = None) -> str:
    return stand(beat, PLAN, NOON + minutes * MINUTE, absence).state


@pytest.mark.parametrize(("minutes", "told"), [(0, "new"), (59, "new"), (60, "grace"), (69, "grace"), (70, "down")])
def test_one_that_was_never_heard_is_new_then_late_then_down(minutes: float, told: str) -> None:
    assert state(after(), minutes) == told


@pytest.mark.parametrize(("minutes", "told"), [(5, "up"), (64, "up"), (65, "grace"), (74.9, "grace"), (75, "down")])
def test_one_that_was_heard_is_up_then_late_then_down(minutes: float, told: str) -> None:
    assert state(after(("success", 5)), minutes) == told


def test_a_ping_brings_it_back() -> None:
    assert state(take(after(("success", 5)), "success", 100), 101) == "up"


def test_a_failure_is_down_at_once_and_until_a_success() -> None:
    failed = after(("success", 5), ("fail", 6))
    assert state(failed, 6) == "down"
    assert state(take(failed, "start", 7), 8) == "down"
    assert state(take(failed, "success", 9), 9) == "up"


def test_its_exit_code_stands_in_the_reason() -> None:
    assert "exit code 3" in stand(take(after(), "fail", 1, code=3), PLAN, NOON + 2 * MINUTE).reason


def test_a_log_changes_nothing_but_the_count() -> None:
    beat = after(("success", 5))
    assert take(beat, "log", 30) == replace(beat, pings=2)


def test_a_start_is_no_proof_of_life() -> None:
    assert state(after(("success", 5), ("start", 70)), 75) == "down"


def test_a_run_longer_than_grace_is_down_even_if_nothing_is_due() -> None:
    beat = after(("success", 5), ("start", 6))
    assert (state(beat, 15.9), state(beat, 16)) == ("up", "down")
    assert "a run goes on since 2026-01-01 12:06:00 UTC, for more than its grace of 10m" in (
        stand(beat, PLAN, NOON + 20 * MINUTE).reason
    )


def test_how_long_a_run_took_is_known_when_it_told_of_its_start() -> None:
    assert take(after(("start", 0)), "success", 3).seconds == 180
    assert take(after(), "success", 3).seconds is None


def test_runs_that_overlap_are_told_apart() -> None:
    beat = take(take(after(), "start", 0, "a"), "start", 2, "b")
    beat = take(beat, "success", 5, "b")
    assert (beat.seconds, list(beat.runs)) == (180, ["a"])
    assert (state(beat, 9.9), state(beat, 10)) == ("up", "down")


def test_a_later_success_forgives_a_run_that_was_told_of() -> None:
    beat = take(take(after(), "start", 0, "a"), "start", 9, "b")
    assert state(take(beat, "success", 12, "b"), 13) == "up"


def test_a_ping_that_names_no_run_ends_all() -> None:
    beat = take(take(after(), "start", 0, "a"), "start", 2, "b")
    assert take(beat, "success", 5).runs == {}


def test_a_run_nobody_ends_is_forgotten_when_there_are_too_many() -> None:
    beat = after()
    for at in range(MAX_RUNS + 5):
        beat = take(beat, "start", at / 100, str(at))
    assert (len(beat.runs), "0" in beat.runs, str(MAX_RUNS + 4) in beat.runs) == (MAX_RUNS, False, True)


def test_a_paused_one_minds_nothing_until_a_run_ends() -> None:
    paused = replace(after(("success", 5)), paused=NOON + 6 * MINUTE)
    assert state(paused, 10_000) == "paused"
    assert state(take(take(paused, "start", 20), "log", 21), 22) == "paused"
    assert state(take(paused, "success", 30), 31) == "up"


def test_what_was_heard_before_it_was_resumed_counts_no_more() -> None:
    resumed = replace(after(("fail", 5)), watched=NOON + 100 * MINUTE)
    assert (state(resumed, 101), state(resumed, 170)) == ("new", "down")


def test_a_ping_that_may_have_been_lost_while_nobody_listened_gets_its_grace_again() -> None:
    absence = Absence(NOON + 50 * MINUTE, NOON + 200 * MINUTE)
    beat = after(("success", 5))
    assert (state(beat, 201, absence), state(beat, 209.9, absence), state(beat, 210, absence)) == (
        "grace",
        "grace",
        "down",
    )


def test_what_was_down_before_stays_down() -> None:
    absence = Absence(NOON + 80 * MINUTE, NOON + 90 * MINUTE)
    assert state(after(("success", 5)), 91, absence) == "down"


def test_what_is_due_long_after_is_not_put_off() -> None:
    absence = Absence(NOON + 10 * MINUTE, NOON + 12 * MINUTE)
    assert state(after(("success", 5)), 75, absence) == "down"


def test_a_clock_that_was_set_moves_all_times() -> None:
    beat = moved(after(("success", 5), ("start", 6)), timedelta(hours=-3))
    assert (beat.heard, beat.runs[""]) == (NOON - 2 * HOUR - 55 * MINUTE, NOON - 2 * HOUR - 54 * MINUTE)


def test_nothing_happened_later_than_now() -> None:
    beat = held(after(("success", 300), ("start", 301)), NOON)
    assert (beat.heard, beat.runs) == (NOON, {"": NOON})


ACTIONS = some.sampled_from(["success", "start", "fail", "log"])
WORDS = some.lists(some.tuples(some.floats(0, 100), ACTIONS, some.sampled_from(["", "a", "b"])), max_size=30)


def lived(words: list[tuple[float, Action, str]]) -> tuple[Beat, float]:
    beat, at = after(), 0.0
    for wait, action, rid in words:
        at += wait
        beat = take(beat, action, at, rid)
    return beat, at


@given(WORDS, some.floats(0, 500), some.floats(0, 500))
def test_without_a_ping_what_is_down_stays_down_since_the_same_moment(
    words: list[tuple[float, Action, str]], wait: float, more: float
) -> None:
    beat, at = lived(words)
    earlier, later = (stand(beat, PLAN, NOON + (at + by) * MINUTE) for by in (wait, wait + more))
    assert earlier.deadline == later.deadline
    if earlier.state == "down":
        assert (later.state, later.reason) == ("down", earlier.reason)


@given(WORDS)
def test_silence_is_always_an_alarm_within_period_and_grace(words: list[tuple[float, Action, str]]) -> None:
    beat, at = lived(words)
    assert state(beat, at + 70) == "down"


@given(WORDS)
def test_a_success_is_always_up(words: list[tuple[float, Action, str]]) -> None:
    beat, at = lived(words)
    ended = take(beat, "success", at)
    assert state(ended, at) in ("up", "grace")
    assert ended.pings == len(words) + 1


@given(WORDS, some.floats(-1000, 1000))
def test_how_it_stands_does_not_depend_on_the_clock_that_was_set(
    words: list[tuple[float, Action, str]], by: float
) -> None:
    beat, at = lived(words)
    assert stand(moved(beat, by * MINUTE), PLAN, NOON + at * MINUTE + by * MINUTE).state == state(beat, at)
