"""Signing in and out: one answer for all that is wrong, rotation, time-outs, changing the password."""

from __future__ import annotations

from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from hypothesis import given
from hypothesis import strategies as st
from tests.access.conftest import BETTER, GOOD, HERE, House

from wardlight.access.sessions import Visit
from wardlight.config import Access as Settings
from wardlight.problems import BadInput, Busy, Unauthenticated

MINUTE, HOUR = 60, 3600


class Counting(PasswordHasher):
    """Argon2, counting its work."""

    worked = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.worked += 1
        return super().verify(hash, password)


def wrong(house: House, name: str, password: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        house.sign_in(name, password)
    return str(caught.value)


def test_a_name_is_read_as_people_type_it(house: House) -> None:
    house.join("ann")
    assert house.sign_in("  Ann ").person == "ann"


def test_whether_a_name_exists_cant_be_told_from_answer_or_work(house: House) -> None:
    house.hasher = Counting(1, 8, 1)
    house.stop()
    house.start()
    house.join("ann")
    house.join("disabled")
    house.access.people.disable("disabled", by="maria")
    house.access.people.invite("invited", "", ["support"], by="maria")  # type: ignore[list-item]
    house.access.people.recognised("https://login.test|1", "outside", "", ["support"])  # type: ignore[list-item]
    seen = set()
    for name in ("ann", "nobody", "disabled", "invited", "outside", "(first administrator)", ""):
        house.hasher.worked = 0
        seen.add((wrong(house, name, "not the password"), house.hasher.worked))
    assert seen == {("name or password is wrong", 1)}


@given(name=st.text(), password=st.text())
def test_whatever_is_typed_is_an_answer_not_a_fault(house_of_ann: House, name: str, password: str) -> None:
    with pytest.raises((Unauthenticated, Busy)):
        house_of_ann.sign_in(name, password)
    house_of_ann.clock.advance(HOUR)


@pytest.fixture
def house_of_ann(house: House) -> House:
    house.join()
    return house


@given(secret=st.text())
def test_no_invented_secret_is_a_session(house_of_ann: House, secret: str) -> None:
    assert house_of_ann.access.sessions.principal(secret) is None
    house_of_ann.access.signing.sign_out(secret)


def test_the_same_letters_are_the_same_password_from_every_keyboard(house: House) -> None:
    house.join(password="gr\u00fcne Kr\u00f6ten \ufb01schen nie")
    assert house.opens(house.sign_in(password="gru\u0308ne Kro\u0308ten fischen nie"))


def test_the_secret_that_was_there_before_signing_in_opens_nothing(house: House) -> None:
    house.join("ann")
    house.join("mallory")
    planted = house.sign_in("mallory")
    fresh = house.sign_in("ann", old=planted.secret)
    assert fresh.secret != planted.secret
    assert not house.opens(planted)
    invented = "a" * 43
    assert house.sign_in("ann", old=invented).secret != invented
    assert house.access.sessions.principal(invented) is None


def test_signing_out_ends_this_session_only(house: House) -> None:
    house.join()
    here, there = house.sign_in(), house.sign_in()
    house.access.signing.sign_out(here.secret)
    assert (house.opens(here), house.opens(there)) == (False, True)


def test_who_does_nothing_for_the_idle_minutes_is_signed_out(house: House) -> None:
    house.join()
    session = house.sign_in()
    for _ in range(4):
        house.clock.advance(14 * MINUTE)
        assert house.opens(session)
    house.clock.advance(15 * MINUTE)
    assert not house.opens(session)


def test_a_page_that_renews_itself_keeps_nobody_signed_in(house: House) -> None:
    house.join()
    session = house.sign_in()
    for _ in range(14):
        house.clock.advance(MINUTE)
        assert house.access.sessions.principal(session.secret, active=False) is not None
    house.clock.advance(MINUTE)
    assert house.access.sessions.principal(session.secret, active=False) is None


def test_however_busy_a_session_ends_after_its_hours(house: House) -> None:
    house.join()
    session = house.sign_in()
    for _ in range(12 * 6 - 1):
        house.clock.advance(10 * MINUTE)
        assert house.opens(session)
    house.clock.advance(10 * MINUTE)
    assert not house.opens(session)


def test_the_settings_say_how_long(house: House) -> None:
    house.settings = Settings(idle_minutes=60, session_hours=1)
    house.stop()
    house.start()
    house.join()
    session = house.sign_in()
    house.clock.advance(HOUR - 1)
    assert house.opens(session)
    house.clock.advance(1)
    assert not house.opens(session)


def test_sessions_outlive_the_server(house: House) -> None:
    house.join()
    session = house.sign_in()
    house.stop()
    house.start()
    assert house.opens(session)


def test_what_is_over_is_swept_out(house: House) -> None:
    house.join()
    house.sign_in()
    house.clock.advance(HOUR)
    house.sign_in(visit=Visit("198.51.100.1", "x" * 10_000))
    (kept,) = house.access.sessions.of("ann")
    assert (kept.address, len(kept.agent)) == ("198.51.100.1", 256)
    with house.state.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar() == 1


def test_a_new_password_ends_every_session_and_begins_one(house: House) -> None:
    house.join()
    here, there = house.sign_in(), house.sign_in()
    fresh = house.access.signing.change_password("ann", GOOD, BETTER, HERE)
    assert [house.opens(it) for it in (here, there, fresh)] == [False, False, True]
    assert wrong(house, "ann", GOOD)
    assert house.opens(house.sign_in(password=BETTER))


def test_a_new_password_needs_the_old_one(house: House) -> None:
    house.join()
    session = house.sign_in()
    with pytest.raises(Unauthenticated, match="the password is wrong"):
        house.access.signing.change_password("ann", "a guess at somebody's desk", BETTER, HERE)
    assert house.opens(session)


@pytest.mark.parametrize("new", ["short", GOOD])
def test_a_new_password_is_good_and_new(house: House, new: str) -> None:
    house.join()
    session = house.sign_in()
    with pytest.raises(BadInput):
        house.access.signing.change_password("ann", GOOD, new, HERE)
    assert house.opens(session)
    house.sign_in(password=GOOD)


def test_guessing_the_current_password_is_held_back_like_signing_in(house: House) -> None:
    house.join()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            house.access.signing.change_password("ann", "a guess", BETTER, HERE)
    with pytest.raises(Busy):
        house.access.signing.verify("ann", GOOD, HERE)


def test_hashes_are_renewed_when_the_parameters_are(house: House) -> None:
    house.join()
    assert b"m=8,t=1" in house.bytes()
    house.stop()
    house.hasher = PasswordHasher(2, 16, 1)
    house.start()
    house.sign_in()
    with house.state.read() as connection:
        kept = str(connection.exec_driver_sql("SELECT password FROM people").scalar())
    assert kept.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    house.sign_in()


def test_nothing_on_disk_signs_anybody_in(house: House) -> None:
    invitation = house.access.people.invite("ann", "", ["support"], by="maria")  # type: ignore[list-item]
    secrets = [invitation.secret, GOOD]
    assert invitation.secret.encode() not in house.bytes()
    house.access.signing.accept(invitation.secret, GOOD, HERE)
    secrets.append(house.sign_in().secret)
    secrets += house.factor()[1]
    kept = house.bytes()
    assert [it for it in secrets if it.encode() in kept] == []


def test_the_trail_is_told_and_never_what_was_typed_as_a_name(house: House) -> None:
    house.join()
    house.told.clear()
    wrong(house, "my password, oops", "x")
    wrong(house, "ann", "x")
    session = house.sign_in()
    house.access.signing.change_password("ann", GOOD, BETTER, HERE)
    house.access.signing.sign_out(house.sign_in(password=BETTER).secret)
    house.access.signing.sign_out(session.secret)
    assert house.actions() == [
        "login.failed by unknown", "login.failed by ann", "login.done by ann", "password.changed by ann",
        "login.done by ann", "logout.done by ann",
    ]  # fmt: skip
    assert "oops" not in str(house.told)
    assert b"oops" not in house.bytes()
    assert house.told[1].about == {"person": "ann", "address": "192.0.2.7", "reason": "password"}


def test_a_wrong_password_is_a_wrong_hash_too(house: House) -> None:
    with pytest.raises(VerificationError):
        house.hasher.verify(house.passwords.hashed(GOOD), "x")
    assert not house.passwords.fits("x", "not a hash")
    assert not house.passwords.fits("", None)
