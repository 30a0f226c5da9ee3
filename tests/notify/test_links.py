"""Links that acknowledge: for one person, one use and one day."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wardlight.clock import ManualClock
from wardlight.notify import Links
from wardlight.notify.links import load_key
from wardlight.problems import Denied, Unavailable
from wardlight.store.state import State


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def links(tmp_path: Path, clock: ManualClock) -> Iterator[Links]:
    state = State(tmp_path / "state.db")
    yield Links(state, tmp_path / "links.key", clock)
    state.close()


def test_a_token_says_whose_it_is_and_for_what(links: Links) -> None:
    link = links.look(links.issue(7, "ann", 2))
    assert (link.incident, link.person, link.step, link.state) == (7, "ann", 2, "good")


def test_looking_uses_nothing_up(links: Links) -> None:
    token = links.issue(7, "ann", 1)
    for _ in range(3):
        assert links.look(token).state == "good"
    assert links.use(token).state == "good"


def test_it_is_used_once(links: Links) -> None:
    token = links.issue(7, "ann", 1)
    assert [links.use(token).state for _ in range(2)] == ["good", "used"]


def test_of_many_at_once_one_uses_it(links: Links) -> None:
    token = links.issue(7, "ann", 1)
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: links.use(token).state, range(32)))
    assert sorted(set(states)) == ["good", "used"]
    assert states.count("good") == 1


def test_it_is_good_for_a_day(links: Links, clock: ManualClock) -> None:
    token = links.issue(7, "ann", 1)
    clock.advance(24 * 3600 - 1)
    assert links.look(token).state == "good"
    clock.advance(1)
    assert links.use(token).state == "expired"


def test_after_a_week_it_is_unknown(links: Links, clock: ManualClock) -> None:
    token = links.issue(7, "ann", 1)
    clock.advance(9 * 24 * 3600)
    links.issue(8, "ann", 1)
    with pytest.raises(Denied):
        links.look(token)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t.swapcase(), lambda t: "", lambda t: "é" * 40]
)
def test_a_forged_one_is_refused(links: Links, change: object) -> None:
    with pytest.raises(Denied):
        links.use(change(links.issue(7, "ann", 1)))  # type: ignore[operator]


def test_who_can_write_the_database_cannot_make_a_link(links: Links, tmp_path: Path) -> None:
    token = links.issue(7, "ann", 1)
    with links._state.write() as connection:
        connection.exec_driver_sql("UPDATE notify_links SET person = 'eve'")
    with pytest.raises(Denied):
        links.look(token)


def test_the_key_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "links.key"
    key = load_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path) == key
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "links.key").write_text("hello")
    with pytest.raises(Unavailable, match="is no key"):
        load_key(tmp_path / "links.key")
