"""No change goes untold: a deed is on disk with its change, and struck out when it has been told."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher
from tests.access.conftest import House

from wardlight.access.access import Access
from wardlight.access.book import Deed
from wardlight.access.passwords import Passwords
from wardlight.access.roles import Role
from wardlight.problems import Conflict, Unavailable


def waiting(house: House) -> int:
    with house.state.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM access_deeds").scalar() or 0)


def test_every_change_is_told_with_who_did_it(house: House) -> None:
    house.join("owen", Role.ADMINISTRATOR)
    people, tokens = house.access.people, house.access.tokens
    people.invite("ann", "", [Role.SUPPORT], by="maria")
    people.link("ann", by="maria")
    people.set_roles("ann", [Role.AUDITOR], by="owen")
    people.disable("ann", by="maria")
    people.enable("ann", by="maria")
    people.reset("ann", by="owen")
    tokens.revoke(tokens.create("grafana", ["metrics"], days=1, by="maria").token.id, by="owen")
    assert house.actions() == [
        "person.invited by maria", "person.joined by owen", "person.invited by maria", "person.linked by maria",
        "person.roles by owen", "person.disabled by maria", "person.enabled by maria", "person.reset by owen",
        "token.created by maria", "token.revoked by owen",
    ]  # fmt: skip
    assert house.told[4].about == {"person": "ann", "roles": "auditor", "before": "support"}
    assert waiting(house) == 0


def test_what_is_refused_is_not_told(house: House) -> None:
    house.join("ann")
    house.told.clear()
    with pytest.raises(Conflict):
        house.access.people.invite("ann", "", [Role.SUPPORT], by="maria")
    assert (house.told, waiting(house)) == ([], 0)


def test_what_the_command_line_did_without_a_server_is_told_when_one_starts(house: House) -> None:
    quiet = Access(house.state, house.clock, house.settings)
    quiet.people.invite("ann", "", [Role.SUPPORT], by="root")
    done = house.access.tokens._book.now()
    house.clock.advance(3600)
    assert house.told == []
    house.access.pass_on()
    assert house.told == [Deed(done, "person.invited", "root", {"person": "ann", "roles": "support"})]
    house.access.pass_on()
    assert len(house.told) == 1


def test_when_the_trail_is_away_the_change_stands_and_is_told_later(tmp_path: Path) -> None:
    house = House(tmp_path)

    def away(deed: Deed) -> None:
        raise Unavailable("the trail is away")

    passwords = Passwords(hasher=PasswordHasher(1, 8, 1))
    Access(house.state, house.clock, house.settings, away, passwords).people.invite(
        "ann", "", [Role.SUPPORT], by="maria"
    )
    assert house.access.people.get("ann").state == "invited"
    house.access.pass_on()
    assert house.actions() == ["person.invited by maria"]
    house.stop()


def test_a_deed_says_nothing_secret(house: House) -> None:
    house.join()
    secrets = [house.sign_in().secret, *house.factor()[1], house.access.people.link("ann", by="maria").secret]
    secrets.append(house.access.tokens.create("x", ["send"], days=1, by="maria").secret)
    told = str(house.told)
    assert [it for it in secrets if it in told] == []


def test_what_is_being_told_is_not_told_by_another_meanwhile(house: House) -> None:
    told: list[str] = []

    def slow(deed: Deed) -> None:
        told.append(deed.action)
        if len(told) == 1:
            access.pass_on()

    access = Access(house.state, house.clock, house.settings, slow, house.passwords)
    access.people.invite("ann", "", [Role.SUPPORT], by="maria")
    access.pass_on()
    assert told == ["person.invited"]


def test_a_process_that_dies_between_the_change_and_the_telling_tells_at_the_next_start(house: House) -> None:
    def dies(_deed: Deed) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        Access(house.state, house.clock, house.settings, dies, house.passwords).people.first()
    house.stop()
    house.start()
    house.access.pass_on()
    assert house.actions() == ["person.invited by wardlight"]
