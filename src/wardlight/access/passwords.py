"""Passwords: which are good enough, and argon2id of them (RFC 9106)."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from wardlight.access import secret
from wardlight.access.breached import Breached
from wardlight.problems import BadInput, Busy

SHORTEST = 12
LONGEST = 256
_LOOKED_AT = 72
_AT_ONCE = 2
_IN_LINE = 10
"""Those who are served and those who wait; more are sent away, so that a crowd doesn't hold all threads."""


class Passwords:
    """Judges and hashes passwords; argon2-cffi's defaults are the second choice of RFC 9106 (64 MiB, three passes)."""

    def __init__(self, breached: str = "", hasher: PasswordHasher | None = None) -> None:
        self._breached = Breached(breached) if breached else None
        self._hasher = hasher or PasswordHasher()
        self._nobodys = self._hasher.hash(secret.made())
        # A hash takes 64 MiB: a crowd at the door must not take all memory.
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._line = threading.BoundedSemaphore(_IN_LINE)
        self._judging = threading.Lock()

    def refuse_weak(self, password: str, *known: str) -> None:
        """Raise BadInput saying what is wrong with a new password; `known` are words that belong to its owner."""
        try:
            password.encode()
        except UnicodeEncodeError:
            raise BadInput("the password has characters that can't be written as UTF-8") from None
        plain = _plain(password).casefold()
        if len(password) < SHORTEST:
            raise BadInput(f"the password must have at least {SHORTEST} characters")
        if len(password) > LONGEST:
            raise BadInput(f"the password must have at most {LONGEST} characters")
        words = [word.casefold() for word in known if len(word) >= 3]
        if any(word in plain for word in words):
            raise BadInput("the password must not contain your name")
        if self._score(plain, words) < 3:
            raise BadInput("the password is too easy to guess: take several unrelated words, or a password manager")
        if self._breached is not None and password in self._breached:
            raise BadInput("the password is known from a breach elsewhere: take another")

    def hashed(self, password: str) -> str:
        """Hash it with a fresh salt, as argon2 writes it: parameters, salt and hash in one string."""
        with self._turn():
            return self._hasher.hash(_plain(password).encode())

    def fits(self, password: str, kept: str | None) -> bool:
        """Say whether a password is the one that was hashed; without a hash it is as much work, and never."""
        with self._turn():
            try:
                self._hasher.verify(kept or self._nobodys, _plain(password).encode("utf-8", "surrogatepass"))
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def outdated(self, kept: str) -> bool:
        """Say whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _score(self, plain: str, words: list[str]) -> int:
        # zxcvbn keeps its caller's words in a variable of the module.
        with self._judging:
            return int(zxcvbn(plain[:_LOOKED_AT], [*words, "wardlight"])["score"])

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._line.acquire(blocking=False):
            raise Busy("too many people sign in at once", retry_after=5)
        try:
            with self._turns:
                yield
        finally:
            self._line.release()


def _plain(password: str) -> str:
    """Let the same characters be the same bytes, whichever keyboard they come from (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
