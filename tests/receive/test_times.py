"""Times as senders write them."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.receive import times

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01", 1_767_225_600), ("2026-01-01T00:00Z", 1_767_225_600), ("1767225600", 1_767_225_600),
        ("2026-01-01T00:00:00+0100", 1_767_222_000), ("-1", -1),
    ],
)  # fmt: skip
def test_it_reads_iso_and_numbers(text: str, seconds: int) -> None:
    assert times.read(text) == seconds * SECOND


@pytest.mark.parametrize(
    "text", ["", "now", "2026-13-01", "1e9", "0x10", "12345678901234567890", "2026-01-01T00:00:60Z"]
)
def test_what_is_no_time_is_unreadable(text: str) -> None:
    assert times.read(text) == times.UNREADABLE


@given(st.text() | st.from_regex(r"[+-]?[0-9]{1,22}(\.[0-9]{1,10})?") | st.datetimes().map(str))
def test_every_text_is_a_time_that_fits_or_unreadable(text: str) -> None:
    assert -(1 << 63) <= times.read(text) < 1 << 63


@given(st.integers() | st.floats())
def test_every_number_is_a_time_that_fits_or_unreadable(value: float) -> None:
    assert -(1 << 63) <= times.of_number(value) < 1 << 63


@given(st.text(max_size=15) | st.from_regex(r"[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}", fullmatch=True))
def test_every_stamp_is_a_time_not_a_day_ahead_or_unreadable(text: str) -> None:
    now = 1_767_225_600 * SECOND
    assert times.legacy(text, UTC, now) <= now + 86_400 * SECOND
