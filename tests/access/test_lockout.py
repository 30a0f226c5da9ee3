"""Failed sign-ins are held back, longer each time, by account and by address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.access.conftest import GOOD, HERE, House

from wardlight.access.sessions import Visit
from wardlight.problems import Busy, Unauthenticated

HOUR = 3600


def fail(house: House, name: str = "ann", visit: Visit = HERE) -> int:
    """Try a wrong password: the seconds to wait, 0 when it was looked at."""
    with pytest.raises((Unauthenticated, Busy)) as caught:
        house.sign_in(name, "wrong", visit)
    return caught.value.retry_after or 0 if isinstance(caught.value, Busy) else 0


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_after_five_failures_it_takes_twice_as_long_each_time(house: House, name: str) -> None:
    house.join("ann")
    assert [fail(house, name) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(9):
        waits.append(fail(house, name))
        house.clock.advance(waits[-1])
        assert fail(house, name) == 0
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_right_password_doesnt_help_while_one_must_wait(house: House) -> None:
    house.join()
    for _ in range(5):
        fail(house)
    with pytest.raises(Busy, match="try again in 30 seconds"):
        house.sign_in()
    house.clock.advance(30)
    assert house.opens(house.sign_in())


def test_signing_in_forgets_the_accounts_failures(house: House) -> None:
    house.join()
    for _ in range(3):
        for _ in range(4):
            fail(house)
        house.sign_in()


def test_trying_many_names_is_held_back_by_address(house: House) -> None:
    house.join()
    assert [fail(house, f"nobody{at}") for at in range(20)] == [0] * 20
    assert fail(house, "somebody") == 30
    assert house.opens(house.sign_in(visit=Visit("198.51.100.1")))


def test_an_account_of_ones_own_doesnt_wash_an_address_clean(house: House) -> None:
    house.join("mallory")
    for at in range(20):
        assert fail(house, f"victim{at}") == 0
        if at < 19:
            house.sign_in("mallory")
    assert fail(house, "ann") == 30


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "unix", False),
    ],
)
def test_what_an_address_is(house: House, one: str, other: str, same: bool) -> None:
    for at in range(20):
        fail(house, f"nobody{at}", Visit(one))
    assert (fail(house, "somebody", Visit(other)) > 0) is same


def test_an_account_is_held_back_from_wherever_it_is_tried(house: House) -> None:
    house.join()
    for at in range(5):
        fail(house, "ann", Visit(f"198.51.100.{at}"))
    assert fail(house, "ann", Visit("203.0.113.1")) == 30


def test_many_at_once_are_no_way_around(house: House) -> None:
    house.join()
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: fail(house), range(24)))
    assert waits.count(0) == 5


def test_the_trail_hears_when_a_back_off_begins(house: House) -> None:
    house.join()
    house.told.clear()
    for _ in range(5):
        fail(house)
    assert [it.about.get("held") for it in house.told] == [None, None, None, None, "30 s"]
    fail(house)
    assert len(house.told) == 5


def test_a_restart_forgets_nothing(house: House) -> None:
    for _ in range(5):
        fail(house)
    house.stop()
    house.start()
    assert fail(house) == 30


def test_a_day_without_failures_forgets_them(house: House) -> None:
    for _ in range(8):
        fail(house)
        house.clock.advance(HOUR)
    house.clock.advance(24 * HOUR)
    assert [fail(house) for _ in range(5)] == [0] * 5
    with house.state.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sign_in_failures").scalar() == 2


@pytest.mark.parametrize("way", ["enable", "link", "reset"])
def test_an_administrator_can_end_the_wait(house: House, way: str) -> None:
    house.join()
    for _ in range(5):
        fail(house)
    getattr(house.access.people, way)("ann", by="maria")
    if way == "reset":
        assert fail(house) == 0
    else:
        house.sign_in("ann", GOOD)
