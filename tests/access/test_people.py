"""Accounts: the first administrator, invitations, roles, disabling, new links, people recognised elsewhere."""

from __future__ import annotations

import pytest
from tests.access.conftest import BETTER, GOOD, HERE, House

from wardlight.access.roles import Role
from wardlight.problems import BadInput, Conflict, Denied, NotFound, Unauthenticated

DAY = 24 * 3600


def first(house: House) -> str:
    invitation = house.access.people.first()
    assert invitation is not None
    return invitation.secret


def test_a_new_house_has_no_account_that_opens(house: House) -> None:
    for password in ("", "admin", "administrator", "wardlight"):
        for name in ("admin", "administrator", "root", "(first administrator)"):
            with pytest.raises(Unauthenticated):
                house.sign_in(name, password)
            house.clock.advance(DAY)


def test_the_first_administrator_chooses_name_and_password(house: House) -> None:
    link = first(house)
    assert house.access.signing.accept(link, GOOD, HERE, name="Maria", display_name="Maria Marsh") == "maria"
    principal = house.access.sessions.principal(house.sign_in("maria").secret)
    assert principal is not None
    assert principal.roles == (Role.ADMINISTRATOR,)
    assert [(it.name, it.display_name) for it in house.access.people.listed()] == [("maria", "Maria Marsh")]


def test_the_first_administrator_must_choose_a_name(house: House) -> None:
    with pytest.raises(BadInput, match="a name has letters"):
        house.access.signing.accept(first(house), GOOD, HERE)


def test_each_start_makes_a_new_first_link_until_there_is_an_administrator(house: House) -> None:
    earlier, later = first(house), first(house)
    with pytest.raises(NotFound):
        house.access.signing.invited(earlier)
    house.access.signing.accept(later, GOOD, HERE, name="maria")
    assert house.access.people.first() is None


def test_the_first_link_opens_nothing_once_an_administrator_came_another_way(house: House) -> None:
    link = first(house)
    house.join("ann", Role.SUPPORT)
    assert house.access.signing.invited(link).first
    house.join("owen", Role.ADMINISTRATOR)
    with pytest.raises(NotFound):
        house.access.signing.invited(link)
    assert [it.name for it in house.access.people.listed()] == ["ann", "owen"]


def test_the_first_link_ends_when_somebody_becomes_administrator(house: House) -> None:
    link = first(house)
    house.join("ann", Role.SUPPORT)
    house.access.people.set_roles("ann", [Role.ADMINISTRATOR], by="root")
    with pytest.raises(NotFound):
        house.access.signing.invited(link)


def test_an_invitation_is_good_once(house: House) -> None:
    invitation = house.access.people.invite("ann", "Ann Archer", [Role.SUPPORT], by="maria")
    assert invitation.path == f"/welcome/{invitation.secret}"
    house.access.signing.accept(invitation.secret, GOOD, HERE)
    with pytest.raises(NotFound, match="used already, or has expired"):
        house.access.signing.accept(invitation.secret, BETTER, HERE)
    house.sign_in("ann", GOOD)


def test_an_invitation_expires(house: House) -> None:
    invitation = house.access.people.invite("ann", "", [Role.SUPPORT], by="maria")
    house.clock.advance(3 * DAY - 1)
    assert house.access.signing.invited(invitation.secret).person == "ann"
    house.clock.advance(1)
    with pytest.raises(NotFound):
        house.access.signing.accept(invitation.secret, GOOD, HERE)


def test_a_password_that_is_refused_leaves_the_link_good(house: House) -> None:
    invitation = house.access.people.invite("ann", "", [Role.SUPPORT], by="maria")
    with pytest.raises(BadInput):
        house.access.signing.accept(invitation.secret, "short", HERE)
    assert house.access.signing.accept(invitation.secret, GOOD, HERE) == "ann"


def test_a_person_who_is_invited_cannot_choose_another_name(house: House) -> None:
    invitation = house.access.people.invite("ann", "Ann", [Role.SUPPORT], by="maria")
    assert house.access.signing.accept(invitation.secret, GOOD, HERE, name="root", display_name="Boss") == "ann"
    assert house.access.people.get("ann").display_name == "Ann"


def test_a_name_is_given_once(house: House) -> None:
    house.join("ann")
    with pytest.raises(Conflict, match="a person ann already"):
        house.access.people.invite(" ANN ", "", [Role.SUPPORT], by="maria")
    with pytest.raises(Conflict, match="a person ann already"):
        house.access.signing.accept(first(house), GOOD, HERE, name="ann")


@pytest.mark.parametrize("name", ["", "-x", "a b", "ann\n", "a" * 65, "änn", "<b>", "a/../b", "(first administrator)"])
def test_a_name_that_could_mean_something_else_is_refused(house: House, name: str) -> None:
    if name.strip() == "ann":
        assert house.access.people.invite(name, "", [Role.SUPPORT], by="maria").person == "ann"
        return
    with pytest.raises(BadInput):
        house.access.people.invite(name, "", [Role.SUPPORT], by="maria")


def test_somebody_has_at_least_one_role(house: House) -> None:
    with pytest.raises(BadInput, match="at least one role"):
        house.access.people.invite("ann", "", [], by="maria")


def test_other_roles_end_the_sessions_and_count_at_once(house: House) -> None:
    house.join("ann", Role.SUPPORT)
    before = house.sign_in()
    person = house.access.people.set_roles("ann", [Role.AUDITOR, Role.PRIVACY], by="maria")
    assert person.roles == (Role.AUDITOR, Role.PRIVACY)
    assert not house.opens(before)
    principal = house.access.sessions.principal(house.sign_in().secret)
    assert principal is not None
    assert principal.roles == (Role.AUDITOR, Role.PRIVACY)


def test_who_is_disabled_is_out_at_once_and_stays_out(house: House) -> None:
    house.join()
    session = house.sign_in()
    assert house.access.people.disable("ann", by="maria").state == "disabled"
    assert not house.opens(session)
    with pytest.raises(Unauthenticated, match=r"^name or password is wrong$"):
        house.sign_in()
    house.access.people.enable("ann", by="maria")
    assert not house.opens(session)
    assert house.opens(house.sign_in())


def test_who_is_disabled_has_no_use_of_an_earlier_link(house: House) -> None:
    invitation = house.access.people.invite("ann", "", [Role.SUPPORT], by="maria")
    house.access.people.disable("ann", by="maria")
    with pytest.raises(NotFound):
        house.access.signing.accept(invitation.secret, GOOD, HERE)
    with pytest.raises(Conflict, match="ann is disabled"):
        house.access.people.link("ann", by="maria")


@pytest.mark.parametrize("does", ["disable", "roles"])
def test_the_last_administrator_stays(house: House, does: str) -> None:
    house.join("maria", Role.ADMINISTRATOR)
    house.access.people.invite("owen", "", [Role.ADMINISTRATOR], by="maria")

    def leave() -> None:
        if does == "disable":
            house.access.people.disable("maria", by="maria")
        else:
            house.access.people.set_roles("maria", [Role.SUPPORT], by="maria")

    with pytest.raises(Conflict, match="the last administrator"):
        leave()
    assert house.access.people.get("maria").roles == (Role.ADMINISTRATOR,)
    house.join("zoe", Role.ADMINISTRATOR)
    leave()


def test_a_new_link_changes_the_password_and_ends_the_sessions(house: House) -> None:
    house.join()
    session = house.sign_in()
    earlier = house.access.people.link("ann", by="maria")
    later = house.access.people.link("ann", by="maria")
    assert house.opens(session)
    with pytest.raises(NotFound):
        house.access.signing.accept(earlier.secret, BETTER, HERE)
    house.access.signing.accept(later.secret, BETTER, HERE)
    assert not house.opens(session)
    with pytest.raises(Unauthenticated):
        house.sign_in(password=GOOD)
    house.sign_in(password=BETTER)


def test_a_reset_takes_password_and_second_factor_away(house: House) -> None:
    house.join()
    session = house.sign_in()
    house.factor()
    link = house.access.people.reset("ann", by="maria")
    person = house.access.people.get("ann")
    assert (person.state, person.second_factor, house.opens(session)) == ("invited", False, False)
    with pytest.raises(Unauthenticated):
        house.sign_in()
    house.access.signing.accept(link.secret, BETTER, HERE)
    assert not house.sign_in(password=BETTER).pending


def test_a_link_leaves_the_second_factor(house: House) -> None:
    house.join()
    house.factor()
    house.access.signing.accept(house.access.people.link("ann", by="maria").secret, BETTER, HERE)
    assert house.sign_in(password=BETTER).pending


@pytest.mark.parametrize("does", ["set_roles", "disable", "enable", "link", "reset", "get"])
def test_nobody_is_nobody(house: House, does: str) -> None:
    arguments = ([Role.SUPPORT],) if does == "set_roles" else ()
    by = {} if does == "get" else {"by": "maria"}
    with pytest.raises(NotFound):
        getattr(house.access.people, does)("zoe", *arguments, **by)


def test_who_is_recognised_elsewhere_has_the_roles_of_today(house: House) -> None:
    people = house.access.people
    ann = people.recognised("https://login.test|1", "Ann", "Ann Archer", [Role.SUPPORT])
    assert (ann.name, ann.roles, ann.outside, ann.state) == ("ann", (Role.SUPPORT,), True, "active")
    session = house.access.signing.begin("ann", HERE)
    assert house.opens(session)
    again = people.recognised("https://login.test|1", "renamed", "Ann Smith", [Role.SUPPORT])
    assert (again.name, again.display_name, house.opens(session)) == ("ann", "Ann Smith", True)
    people.recognised("https://login.test|1", "ann", "Ann Smith", [Role.DEVELOPER])
    assert not house.opens(session)


def test_a_name_elsewhere_is_no_way_into_an_account_here(house: House) -> None:
    house.join("ann", Role.ADMINISTRATOR)
    with pytest.raises(Conflict, match="belongs to another account"):
        house.access.people.recognised("https://login.test|1", "ann", "", [Role.SUPPORT])
    house.access.people.recognised("https://login.test|1", "ben", "", [Role.SUPPORT])
    with pytest.raises(Conflict):
        house.access.people.recognised("https://login.test|2", "ben", "", [Role.SUPPORT])


def test_who_is_recognised_elsewhere_has_no_password_here(house: House) -> None:
    house.access.people.recognised("https://login.test|1", "ann", "", [Role.SUPPORT])
    with pytest.raises(Unauthenticated, match=r"^name or password is wrong$"):
        house.sign_in("ann", "")
    for change in (house.access.people.link, house.access.people.reset):
        with pytest.raises(Conflict, match="signs in elsewhere"):
            change("ann", by="maria")


def test_who_is_recognised_elsewhere_may_be_refused_here(house: House) -> None:
    people = house.access.people
    with pytest.raises(Denied, match="no role"):
        people.recognised("https://login.test|1", "ann", "", [])
    people.recognised("https://login.test|1", "ann", "", [Role.SUPPORT])
    people.disable("ann", by="maria")
    with pytest.raises(Denied, match="disabled"):
        people.recognised("https://login.test|1", "ann", "", [Role.SUPPORT])
    with pytest.raises(Unauthenticated):
        house.access.signing.begin("ann", HERE)
