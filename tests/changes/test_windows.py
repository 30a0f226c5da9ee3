"""What a maintenance window may be, and how it goes on."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.changes.conftest import HOUR, MATCHERS, NOON, announce

from wardlight.alertmanager import Matcher
from wardlight.changes import Window, Windows
from wardlight.changes.window import Step, follow, take
from wardlight.clock import ManualClock
from wardlight.problems import BadInput, Conflict, NotFound

GOOD = {"what": "upgrade", "matchers": MATCHERS, "starts": NOON + HOUR, "ends": NOON + 2 * HOUR, "by": "ann"}
WINDOW = Window(
    id=1, mark="m", state="announced", what="upgrade", matchers=MATCHERS, starts=NOON + HOUR, ends=NOON + 3 * HOUR,
    by="ann", announced=NOON,
)  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"what": " "}, "what: is missing"),
        ({"what": "x" * 501}, "what: longer than 500"),
        ({"what": "a\nb"}, "what: has control characters"),
        ({"what": "\u202eevil"}, "what: has control characters"),
        ({"by": ""}, "by: is missing"),
        ({"starts": datetime(2026, 1, 1, 1)}, "from: a time needs its zone"),  # noqa: DTZ001
        ({"ends": datetime(2026, 1, 1, 3)}, "until: a time needs its zone"),  # noqa: DTZ001
        ({"ends": NOON + HOUR}, "until: a window ends after it begins"),
        ({"starts": NOON - 3 * HOUR, "ends": NOON - HOUR}, "until: this is over already"),
        ({"ends": NOON + timedelta(days=31)}, "until: a window lasts at most 30 days"),
        ({"starts": NOON + timedelta(days=367), "ends": NOON + timedelta(days=368)}, "from: at most 366 days ahead"),
        ({"matchers": ()}, "matchers: from 1 to 20"),
        ({"matchers": ("service=billing",) * 21}, "matchers: from 1 to 20"),
        ({"matchers": ("service!=billing",)}, "matchers: at least one must say what a label is"),
        ({"matchers": ('service=~".*"',)}, "matchers: at least one must say what a label is"),
        ({"matchers": ("billing",)}, "matcher 'billing' is not LABEL=VALUE"),
        ({"matchers": ("9=x",)}, "is not LABEL=VALUE"),
        ({"matchers": ('service=~"("',)}, "not a regular expression"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    windows: Windows, wrong: dict[str, object], reason: str
) -> None:
    given = {**GOOD, **wrong}
    with pytest.raises(BadInput, match=reason):
        windows.announce(given.pop("what"), given.pop("matchers"), **given)  # type: ignore[arg-type]
    assert windows.listed("all") == []


@pytest.mark.parametrize(
    ("text", "matcher", "yes", "no"),
    [
        ("service=billing", Matcher("service", "billing"), "billing", "billing2"),
        ('service = "billing"', Matcher("service", "billing"), "billing", ""),
        ("service!=billing", Matcher("service", "billing", is_equal=False), "", "billing"),
        ('service=~"a|b"', Matcher("service", "a|b", is_regex=True), "b", "ab"),
        ("service!~a.*", Matcher("service", "a.*", is_regex=True, is_equal=False), "ba", "ab"),
        (r'what="say \"x\" \\"', Matcher("what", 'say "x" \\'), 'say "x" \\', "x"),
    ],
)
def test_a_matcher_is_read_as_amtool_does(text: str, matcher: Matcher, yes: str, no: str) -> None:
    assert Matcher.parse(text) == matcher == Matcher.parse(str(matcher))
    assert (matcher.matches(yes), matcher.matches(no)) == (True, False)


def test_the_dead_mans_switch_is_never_silenced() -> None:
    assert Matcher("alertname", "Watchdog", is_equal=False) in WINDOW.silenced()


@pytest.mark.parametrize(
    ("state", "step", "after"),
    [
        ("announced", "begin", "active"),
        ("announced", "cancel", "cancelled"),
        ("active", "end", "ended"),
        ("active", "begin", "active"),
        ("cancelled", "cancel", "cancelled"),
        ("ended", "end", "ended"),
    ],
)
def test_a_step_leads_on_and_twice_is_once(state: str, step: Step, after: str) -> None:
    assert take(replace(WINDOW, state=state), step, NOON).state == after  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "step"),
    [("announced", "end"), ("active", "cancel"), ("ended", "begin"), ("ended", "cancel"), ("cancelled", "begin")],
)
def test_what_comes_too_early_or_too_late_is_a_conflict(state: str, step: Step) -> None:
    with pytest.raises(Conflict, match=f"maintenance 1 is {state}"):
        take(replace(WINDOW, state=state), step, NOON)  # type: ignore[arg-type]


def test_begun_and_ended_before_its_time_it_has_the_real_times() -> None:
    begun = take(WINDOW, "begin", NOON)
    assert (begun.starts, begun.ends) == (NOON, WINDOW.ends)
    assert take(begun, "end", NOON + HOUR).ends == NOON + HOUR


@given(some.lists(some.floats(0, 3), max_size=8), some.lists(some.sampled_from(["begin", "end", "cancel"]), max_size=8))
def test_it_never_goes_back_and_always_comes_to_an_end(waits: list[float], steps: list[Step]) -> None:
    order = {"announced": 0, "active": 1, "ended": 2, "cancelled": 2}
    window, now = WINDOW, NOON
    for wait, step in zip(waits, steps, strict=False):
        now, before = now + wait * HOUR, window.state
        for state in follow(window, now):
            window = replace(window, state=state)
        with suppress(Conflict):
            window = take(window, step, now)
        assert order[window.state] >= order[before]
        assert window.starts <= window.ends
    for state in follow(window, NOON + 100 * HOUR):
        window = replace(window, state=state)
    assert window.state in ("ended", "cancelled")


def test_time_begins_and_ends_a_window(windows: Windows, clock: ManualClock) -> None:
    announced = announce(windows)
    for hours, state in ((0.5, "announced"), (0.5, "active"), (1.9, "active"), (0.2, "ended")):
        clock.advance(hours * 3600)
        windows.tick()
        assert windows.get(announced.id).state == state
    assert [(event.state, event.actor) for event in windows.unlogged()] == [
        ("announced", "ann"),
        ("active", "wardlight"),
        ("ended", "wardlight"),
    ]


def test_one_that_we_missed_was_active_all_the_same(windows: Windows, clock: ManualClock) -> None:
    window = announce(windows)
    clock.advance(10 * 3600)
    windows.tick()
    assert windows.get(window.id).state == "ended"
    assert windows.counts()[1] == {"announced": 1, "active": 1, "ended": 1, "cancelled": 0}


def test_one_that_begins_now_is_active_at_once(windows: Windows) -> None:
    assert announce(windows, begins=-1).state == "active"


def test_open_ones_are_listed_as_they_come(windows: Windows) -> None:
    later, sooner, gone = announce(windows, 5), announce(windows, 1), announce(windows, 2)
    windows.step(gone.id, "cancel", "bob")
    assert [it.id for it in windows.listed()] == [sooner.id, later.id]
    assert [it.id for it in windows.listed("cancelled")] == [gone.id]
    assert [it.id for it in windows.listed("all")] == [3, 2, 1]


def test_one_that_is_not_there_is_not_found(windows: Windows) -> None:
    with pytest.raises(NotFound):
        windows.step(7, "end", "ann")


def test_an_event_is_logged_once(windows: Windows) -> None:
    announce(windows)
    for event in windows.unlogged():
        windows.logged(event)
    assert windows.unlogged() == []
