"""What of a text may leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.notify import plain


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Database db:5432 is down", "Database db:5432 is down"),
        ("12.5 % of requests to 10.0.0.5:9100 fail", "12.5 % of requests to 10.0.0.5:9100 fail"),
        ("record MRN0012345 can't be read", "record … can't be read"),
        ("born 1980-01-02, phone 030 123 4567", "born …, phone …"),
        ("943 476 5919", "…"),
        ("123-45-6789", "…"),
        ("mail to jane.roe@example.org failed", "mail to … failed"),
        ("of 550e8400-e29b-41d4-a716-446655440000", "of …"),
        ("see http://evil.example/x?patient=7", "see evil.example/x"),
        ("user_id=jane and patient_id: 17", "user_id=… and patient_id: …"),
        ("two\nlines\x1b[31m", "two lines [31m"),
    ],
)
def test_it_leaves_out_what_could_lead_to_a_person(said: str, left: str) -> None:
    assert plain(said, ["user_id", "patient_id"]) == left


@given(st.text(max_size=500))
def test_it_is_one_printable_line(said: str) -> None:
    found = plain(said)
    assert found.isprintable()
    assert len(found) <= 200


@given(st.integers(100_000, 10**12), st.text("abc =:/", max_size=5))
def test_no_long_number_gets_through(number: int, around: str) -> None:
    assert str(number) not in plain(f"{around}{number}{around}")
