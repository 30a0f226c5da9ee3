"""The second factor: authenticators and recovery codes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.access.conftest import GOOD, HERE, House

from wardlight.problems import BadInput, Busy, Conflict, Unauthenticated


@pytest.fixture
def house(house: House) -> House:
    house.join()
    return house


def confirmed(house: House, code: str) -> bool:
    """Sign in with a password and a code."""
    pending = house.sign_in()
    assert pending.pending
    assert not house.opens(pending)
    try:
        return house.opens(house.access.signing.confirm(pending.secret, code, HERE))
    except Unauthenticated:
        return False


def test_a_password_alone_opens_nothing(house: House) -> None:
    secret, _ = house.factor()
    house.clock.advance(30)
    pending = house.sign_in()
    assert not house.opens(pending)
    assert house.access.sessions.of("ann") == []
    started = house.access.signing.confirm(pending.secret, house.code(secret), HERE)
    assert (house.opens(started), house.opens(pending), started.secret != pending.secret) == (True, False, True)


def test_a_code_is_good_once(house: House) -> None:
    secret, _ = house.factor()
    house.clock.advance(30)
    code = house.code(secret)
    assert confirmed(house, code)
    assert not confirmed(house, code)


def test_the_code_that_confirmed_the_device_is_used_up(house: House) -> None:
    secret, _ = house.factor()
    assert not confirmed(house, house.code(secret))


def test_an_earlier_code_is_no_good_after_a_later_one(house: House) -> None:
    secret, _ = house.factor()
    house.clock.advance(90)
    assert confirmed(house, house.code(secret, 1))
    assert not confirmed(house, house.code(secret, 0))
    assert not confirmed(house, house.code(secret, -1))


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_devices_clock_may_be_half_a_minute_wrong(house: House, steps: int, good: bool) -> None:
    secret, _ = house.factor()
    house.clock.advance(300)
    assert confirmed(house, house.code(secret, steps)) is good


def test_a_recovery_code_is_good_once_however_it_is_typed(house: House) -> None:
    _, codes = house.factor()
    assert len(set(codes)) == 10
    assert confirmed(house, f" {codes[0].upper()} ")
    assert not confirmed(house, codes[0])
    assert confirmed(house, codes[9])
    assert house.actions().count("factor.recovery-used by ann") == 2


def test_recovery_codes_are_somebodys(house: House) -> None:
    house.join("ben")
    house.factor("ann")
    _, bens = house.factor("ben")
    assert not confirmed(house, bens[0])


def test_codes_cannot_be_tried_out(house: House) -> None:
    secret, _ = house.factor()
    house.clock.advance(30)
    pending = house.sign_in()
    for _ in range(5):
        with pytest.raises(Unauthenticated, match="the code is wrong"):
            house.access.signing.confirm(pending.secret, "000000", HERE)
    with pytest.raises(Busy):
        house.access.signing.confirm(pending.secret, house.code(secret), HERE)
    with pytest.raises(Busy):
        house.sign_in()


def test_the_password_again_doesnt_give_more_tries(house: House) -> None:
    house.factor()
    for _ in range(5):
        assert not confirmed(house, "000000")
    with pytest.raises(Busy):
        house.sign_in()


def test_the_code_must_come_within_five_minutes(house: House) -> None:
    secret, _ = house.factor()
    pending = house.sign_in()
    house.clock.advance(300)
    with pytest.raises(Unauthenticated, match="took too long"):
        house.access.signing.confirm(pending.secret, house.code(secret), HERE)


def test_a_session_that_is_whole_cannot_be_confirmed(house: House) -> None:
    session = house.sign_in()
    with pytest.raises(Unauthenticated):
        house.access.signing.confirm(session.secret, "000000", HERE)


def test_disabling_ends_what_waits_for_a_code(house: House) -> None:
    secret, _ = house.factor()
    house.clock.advance(30)
    pending = house.sign_in()
    house.access.people.disable("ann", by="maria")
    with pytest.raises(Unauthenticated):
        house.access.signing.confirm(pending.secret, house.code(secret), HERE)


@given(code=st.one_of(st.text(), st.text("0123456789 ", min_size=4, max_size=8)))
def test_whatever_is_typed_as_a_code_is_an_answer_not_a_fault(house: House, code: str) -> None:
    if not house.access.people.get("ann").second_factor:
        house.factor()
    house.clock.advance(3600)
    pending = house.sign_in()
    with pytest.raises(Unauthenticated):
        house.access.signing.confirm(pending.secret, code, HERE)


def test_a_secret_counts_only_when_a_code_has_confirmed_it(house: House) -> None:
    house.access.second.enrol("ann")
    assert not house.sign_in().pending
    with pytest.raises(BadInput, match="is the device's clock right"):
        house.access.second.confirm("ann", "000000", by="ann")
    assert not house.sign_in().pending


def test_without_an_offer_there_is_nothing_to_confirm(house: House) -> None:
    with pytest.raises(BadInput):
        house.access.second.confirm("ann", "000000", by="ann")


def test_a_second_factor_isnt_replaced_unseen(house: House) -> None:
    house.factor()
    with pytest.raises(Conflict, match="remove it first"):
        house.access.second.enrol("ann")


def test_removing_it_ends_the_recovery_codes_too(house: House) -> None:
    _, codes = house.factor()
    house.access.second.remove("ann", by="maria")
    assert not house.sign_in().pending
    house.factor()
    assert not confirmed(house, codes[0])
    assert "factor.removed by maria" in house.actions()


def test_the_drawing_fits_into_a_page_with_a_strict_policy(house: House) -> None:
    enrolment = house.access.second.enrol("ann")
    assert enrolment.uri == f"otpauth://totp/Wardlight:ann?secret={enrolment.secret}&issuer=Wardlight"
    drawing = ET.fromstring(enrolment.svg)
    assert drawing.tag.endswith("svg")
    assert not [it for it in drawing.iter() if "style" in it.attrib or it.tag.endswith(("style", "script"))]


def test_the_second_factor_needs_the_password_still(house: House) -> None:
    house.factor()
    with pytest.raises(Unauthenticated):
        house.sign_in(password=GOOD + "x")
