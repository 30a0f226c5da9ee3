"""Tokens of machines: what they may, how they end, and that they are cheap to check."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.access.conftest import House

from wardlight.access.principal import Principal
from wardlight.access.roles import NOTHING, SIGHTS, Right, Role
from wardlight.access.tokens import Created
from wardlight.problems import BadInput, NotFound
from wardlight.records import Sight

DAY = 24 * 3600


def made(house: House, *scopes: str, days: int | None = 90, name: str = "grafana") -> Created:
    return house.access.tokens.create(name, scopes or ("send",), days=days, by="maria")


def opens(house: House, text: str) -> Principal | None:
    return house.access.tokens.principal(text, address="192.0.2.9")


@pytest.mark.parametrize(
    ("scopes", "rights", "sight", "source"),
    [
        (["send"], {Right.SEND}, NOTHING, ""),
        (["send:willow-portal"], {Right.SEND}, NOTHING, "willow-portal"),
        (["metrics"], {Right.LOOK}, NOTHING, ""),
        (["ping"], {Right.PING}, NOTHING, ""),
        (["query:support"], {Right.LOOK, Right.LOGS}, SIGHTS[Role.SUPPORT], ""),
        (["query:auditor"], {Right.LOOK, Right.LOGS, Right.TRAIL}, Sight(), ""),
        (["query:administrator"], {Right.LOOK, Right.LOGS}, SIGHTS[Role.ADMINISTRATOR], ""),
        (["send:a:b", "ping", "send:a:b"], {Right.SEND, Right.PING}, NOTHING, "a:b"),
    ],
)  # fmt: skip
def test_a_token_does_what_its_scopes_say_and_nothing_else(
    house: House, scopes: list[str], rights: set[Right], sight: Sight, source: str
) -> None:
    found = opens(house, made(house, *scopes).secret)
    assert found is not None
    assert (found.name, found.way) == ("grafana", "token")
    assert (found.rights, found.sight, found.source) == (frozenset(rights), sight, source)


@pytest.mark.parametrize(
    "scopes",
    [[], ["all"], ["send:"], ["send:a b"], ["query"], ["query:"], ["query:root"], ["metrics:x"], ["manage"], ["ping:"],
     ["send", "send:a"], ["send:a", "send:b"], ["query:support", "query:auditor"], ["SEND"], [""]],
)  # fmt: skip
def test_scopes_that_make_no_sense_are_refused(house: House, scopes: list[str]) -> None:
    with pytest.raises(BadInput):
        house.access.tokens.create("x", scopes, days=1, by="maria")
    assert house.access.tokens.listed() == []


@given(scope=st.text(max_size=30))
def test_no_scope_gives_the_right_to_manage(house: House, scope: str) -> None:
    try:
        token = house.access.tokens.create("x", [scope], days=1, by="maria")
    except BadInput:
        return
    found = opens(house, token.secret)
    assert found is not None
    assert not found.rights & {Right.MANAGE, Right.ACT, Right.TELL}


@pytest.mark.parametrize(("name", "days"), [("", 1), (" ", 1), ("x" * 129, 1), ("a\nb", 1), ("x", 0), ("x", 9999)])
def test_a_token_has_a_name_and_an_end_that_make_sense(house: House, name: str, days: int) -> None:
    with pytest.raises(BadInput):
        made(house, days=days, name=name)


def test_a_token_cannot_be_recovered_from_the_database(house: House) -> None:
    secret = made(house).secret
    _, key, inner = secret.split("_")
    opens(house, secret)
    kept = house.bytes()
    assert key.encode() in kept
    assert inner.encode() not in kept
    assert hashlib.sha256(inner.encode()).digest() in kept


def test_a_wrong_token_is_nobody_whatever_part_is_wrong(house: House) -> None:
    secret = made(house).secret
    other = made(house).secret
    prefix, key, inner = secret.split("_")
    crossed = f"{prefix}_{key}_{other.split('_')[2]}"
    for text in ("", "wl_", crossed, secret[:-1], secret + "x", secret.upper(), f"wl_zzzzzzzz_{inner}", f" {secret}"):
        assert opens(house, text) is None
    assert opens(house, secret) is not None


@given(text=st.one_of(st.text(), st.from_regex(r"wl_[a-z2-9]{8}_[A-Za-z0-9]{43}")))
def test_no_invented_token_is_one(house: House, text: str) -> None:
    assert opens(house, text) is None
    assert house.access.tokens.quick(text) is None


def test_a_token_expires(house: House) -> None:
    secret = made(house, days=1).secret
    house.clock.advance(DAY - 1)
    assert opens(house, secret) is not None
    house.clock.advance(1)
    assert opens(house, secret) is None
    assert house.access.tokens.listed()[0].state == "expired"


def test_a_token_without_an_end_is_good_for_long(house: House) -> None:
    secret = made(house, days=None).secret
    house.clock.advance(20 * 365 * DAY)
    assert opens(house, secret) is not None


def test_a_revoked_token_ends_at_once(house: House) -> None:
    token = made(house)
    assert opens(house, token.secret) is not None
    assert house.access.tokens.revoke(token.token.id, by="maria").state == "revoked"
    assert house.access.tokens.quick(token.secret) is None
    assert opens(house, token.secret) is None


def test_a_token_that_another_process_revoked_ends_within_a_second(house: House) -> None:
    token = made(house)
    opens(house, token.secret)
    other = House(house.data, clock=house.clock)
    other.access.tokens.revoke(token.token.id, by="root")
    other.stop()
    house.clock.advance(1)
    assert house.access.tokens.quick(token.secret) is None
    assert opens(house, token.secret) is None


def test_revoking_twice_is_told_once(house: House) -> None:
    token = made(house)
    house.access.tokens.revoke(token.token.id, by="maria")
    house.access.tokens.revoke(token.token.id, by="owen")
    assert house.actions() == ["token.created by maria", "token.revoked by maria"]
    with pytest.raises(NotFound):
        house.access.tokens.revoke("nothing", by="maria")


def test_two_hundred_requests_a_second_ask_the_database_once(house: House) -> None:
    secret = made(house).secret
    asked: list[str] = []
    sa.event.listen(house.state._engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    for _ in range(200):
        assert opens(house, secret) is not None
        assert house.access.tokens.quick(secret) is not None
        house.clock.advance(0.004)
    assert len([it for it in asked if "tokens" in it]) == 1


def test_many_different_tokens_take_no_more_memory_than_allowed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardlight.access.tokens._REMEMBERED", 4)
    for _ in range(9):
        assert opens(house, made(house).secret) is not None
    assert len(house.access.tokens._checked) <= 4


def test_the_last_use_is_shown(house: House) -> None:
    token = made(house)
    assert house.access.tokens.listed()[0].used is None
    house.clock.advance(5)
    opens(house, token.secret)
    (shown,) = house.access.tokens.listed()
    assert (shown.used, shown.used_from) == (house.access.tokens._book.now(), "192.0.2.9")
    assert token.secret not in repr(shown)


def test_the_last_use_is_on_disk_after_a_minute_of_use_and_at_the_end(house: House) -> None:
    def used() -> object:
        with house.state.read() as connection:
            return connection.exec_driver_sql("SELECT used FROM tokens").scalar()

    secret = made(house).secret
    opens(house, secret)
    assert used() is None
    house.clock.advance(60)
    opens(house, secret)
    first = used()
    assert first is not None
    house.clock.advance(5)
    opens(house, secret)
    assert used() == first
    house.access.close()
    assert used() != first
