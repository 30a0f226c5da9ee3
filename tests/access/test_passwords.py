"""Which passwords are good enough."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from tests.access.conftest import BETTER, GOOD

from wardlight.access.breached import Breached
from wardlight.access.passwords import Passwords
from wardlight.problems import BadConfig, BadInput, Busy

PASSWORDS = Passwords(hasher=PasswordHasher(1, 8, 1))


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


@pytest.mark.parametrize(
    "password", [GOOD, BETTER, "kT7#qz!Vw92mXe", "fünf Igel kaufen Wolle", "🐢 carries 9 odd umbrellas"]
)
def test_these_are_good(password: str) -> None:
    PASSWORDS.refuse_weak(password, "ann", "Ann Archer")


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "at least 12"),
        ("kT7#qz!Vw92", "at least 12"),
        ("x" * 257, "at most 256"),
        ("passwordpassword", "too easy to guess"),
        ("Password123456", "too easy to guess"),
        ("aaaaaaaaaaaaaaaa", "too easy to guess"),
        ("qwertyuiop123456", "too easy to guess"),
        ("wardlightwardlight", "too easy to guess"),
        ("ann.archer7 rows the lake", "must not contain your name"),
        ("the ANN ARCHER of rivers", "must not contain your name"),
        ("violet tractor \ud800 seldom", "can't be written"),
    ],
)
def test_these_are_refused_with_the_reason(password: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        PASSWORDS.refuse_weak(password, "ann.archer7", "Ann Archer")
    assert not password or password not in str(caught.value)


def test_a_short_name_may_be_part_of_a_longer_word() -> None:
    PASSWORDS.refuse_weak("violet tractor seldom hums", "um")


@given(password=st.text(max_size=300))
def test_every_text_is_judged(password: str) -> None:
    try:
        PASSWORDS.refuse_weak(password, "ann")
    except BadInput:
        return
    assert PASSWORDS.fits(password, PASSWORDS.hashed(password))


@pytest.mark.parametrize("form", ["{}:7\r\n", "{}:12345\n", "{}\n"])
@given(others=st.sets(st.text(max_size=20), max_size=120), at=st.integers(0, 200))
def test_exactly_those_in_the_file_are_found(
    tmp_path_factory: pytest.TempPathFactory, form: str, others: set[str], at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "breached.txt"
    known = sorted(sha1(it) for it in {*others, GOOD})
    path.write_text("".join(form.format(it) for it in known), newline="")
    breached = Breached(str(path))
    assert all(it in breached for it in (*others, GOOD))
    assert (f"absent {at}" in breached) is (sha1(f"absent {at}") in known)


def test_the_last_line_needs_no_end_and_hashes_may_be_small(tmp_path: Path) -> None:
    path = tmp_path / "breached.txt"
    path.write_text("\n".join(sorted(sha1(it).lower() for it in ("a", "b", "c"))))
    assert ["abc".count(it) for it in "abcd" if it in Breached(str(path))] == [1, 1, 1]


def test_a_password_that_thieves_know_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "breached.txt"
    path.write_text(f"{sha1(GOOD)}:3\n")
    passwords = Passwords(str(path), PasswordHasher(1, 8, 1))
    with pytest.raises(BadInput, match="known from a breach"):
        passwords.refuse_weak(GOOD)
    passwords.refuse_weak(BETTER)


@pytest.mark.parametrize("content", [None, "", "password\n", "\x00" * 200])
def test_a_file_that_isnt_of_hashes_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "breached.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadConfig, match=r"access\.breached_passwords"):
        Passwords(str(path))


class Slow(PasswordHasher):
    """Argon2 that takes as long as the test says."""

    def __init__(self) -> None:
        super().__init__(1, 8, 1)
        self.go = threading.Event()
        self.at_work = 0
        self.most = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        self.go.wait(20)
        self.at_work -= 1
        return super().verify(hash, password)


def test_a_crowd_at_the_door_is_sent_away_rather_than_let_wait() -> None:
    slow = Slow()
    passwords = Passwords(hasher=slow)
    kept = passwords.hashed(GOOD)
    with ThreadPoolExecutor(12) as threads:
        tries = [threads.submit(passwords.fits, GOOD, kept) for _ in range(12)]
        done = as_completed(tries)
        sent_away = [next(done).exception(), next(done).exception()]
        slow.go.set()
        answers = [it.result() for it in tries if it.exception() is None]
    assert {type(it) for it in sent_away} == {Busy}
    assert (answers, slow.most) == ([True] * 10, 2)


def test_by_default_hashes_are_argon2id_with_64_mib() -> None:
    assert Passwords().hashed(GOOD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
