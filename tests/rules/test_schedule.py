"""When a group is due."""

from __future__ import annotations

import pytest
from tests.rules.conftest import MINUTE

from wardlight.rules.model import Group
from wardlight.rules.schedule import CATCH_UP, Turn, following, latest, turn

GROUP = Group(file="a.yml", name="g", interval_ns=MINUTE, rules=())
NOW = 1_767_225_600_000_000_000
LAST = latest(GROUP, NOW)


def test_moments_are_an_interval_apart_and_the_same_after_a_restart() -> None:
    moments = {latest(GROUP, NOW + second * 10**9) for second in range(600)}
    assert {moment % MINUTE for moment in moments} == {LAST % MINUTE}
    assert 10 <= len(moments) <= 11
    assert 0 <= NOW - LAST < MINUTE


def test_groups_take_turns() -> None:
    others = (Group(file="a.yml", name=str(at), interval_ns=MINUTE, rules=()) for at in range(20))
    assert len({latest(group, NOW) for group in others}) == 20


def test_the_next_moment_is_never_more_than_an_interval_away() -> None:
    assert following(GROUP, LAST) == 60
    assert following(GROUP, LAST + MINUTE - 10**9) == 1


@pytest.mark.parametrize(
    ("evaluated", "now", "seconds", "due"),
    [
        (None, NOW, 0, Turn(LAST)),
        (LAST, NOW, 0, None),
        (LAST, LAST + MINUTE - 1, 0, None),
        (LAST, LAST + MINUTE, 0, Turn(LAST + MINUTE)),
        (LAST, LAST + 4 * MINUTE, 0, Turn(LAST + MINUTE)),
        (LAST, LAST + CATCH_UP * MINUTE, 0, Turn(LAST + MINUTE)),
        (LAST, LAST + (CATCH_UP + 3) * MINUTE, 0, Turn(LAST + 4 * MINUTE, skipped=3)),
        (LAST, LAST + 4 * MINUTE, 61, Turn(LAST + 4 * MINUTE, skipped=3)),
        (LAST + MINUTE, LAST + 1, 0, None),
        (LAST + 5 * MINUTE, LAST + 1, 0, Turn(LAST, back_ns=5 * MINUTE)),
        (LAST - 5, LAST, 0, Turn(LAST)),
    ],
    ids=[
        "never before", "not yet", "still not", "now", "after a pause", "all made good", "not all made good",
        "slow groups don't lag", "clock set back a little", "clock set back far", "another interval before",
    ],
)  # fmt: skip
def test_what_is_due(evaluated: int | None, now: int, seconds: float, due: Turn | None) -> None:
    assert turn(GROUP, evaluated, now, seconds) == due
