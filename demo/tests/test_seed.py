"""Passwords and the invented staff."""

from __future__ import annotations

from collections import Counter

from willow_clinic import seed
from willow_clinic.passwords import hashed, matches
from willow_clinic.people import MAY, PURPOSE


def test_a_password_matches_its_hash_and_no_other() -> None:
    stored = hashed("correct horse")
    assert matches("correct horse", stored)
    assert not matches("Correct horse", stored)


def test_the_same_password_is_hashed_differently_each_time() -> None:
    assert hashed("x") != hashed("x")


def test_the_staff_are_the_same_every_time_and_have_names_of_their_own() -> None:
    staff = seed.staff_names()
    assert staff == seed.staff_names()
    assert len({username for username, *_ in staff}) == len(staff)
    assert Counter(role for *_, role in staff) == seed.STAFF


def test_every_role_has_a_purpose_and_some_permission() -> None:
    assert PURPOSE.keys() == seed.STAFF.keys()
    assert set().union(*MAY.values()) == seed.STAFF.keys()
