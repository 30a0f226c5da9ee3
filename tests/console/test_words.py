"""Numbers and texts as people read them: the examples of the functions hold."""

from __future__ import annotations

import doctest
import unicodedata
from datetime import UTC, datetime
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight import clock
from wardlight.console import words
from wardlight.incidents import model

FINITE = st.floats(min_value=0, max_value=1e15)


@pytest.mark.parametrize("module", [words, model, clock], ids=lambda module: module.__name__)
def test_the_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("write", [words.number, words.share, words.size, words.seconds])
def test_what_is_unknown_is_a_dash(write: object) -> None:
    assert write(None) == "–"  # type: ignore[operator]


@given(FINITE)
def test_every_number_is_short(value: float) -> None:
    assert all(len(write(value)) <= 12 for write in (words.number, words.size))


@given(FINITE)
def test_every_duration_has_at_most_two_units(value: float) -> None:
    assert len(words.seconds(value).split()) in (2, 4)


@given(st.text())
def test_visible_text_has_nothing_that_acts(text: str) -> None:
    acting = {"Cc", "Cf", "Cs"}
    assert not [it for it in words.visible(text) if unicodedata.category(it) in acting and it not in "\t\n"]


@given(st.lists(st.none() | FINITE, min_size=2, max_size=61))
def test_a_curve_stays_in_its_box(curve: list[float | None]) -> None:
    for point in words.points(curve).split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 60
        assert 0 <= y <= 16


def test_a_future_moment_was_no_time_ago() -> None:
    assert words.since(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)) == "0 s"
