"""Everything about who gets in, over one state database."""

from __future__ import annotations

from wardlight.access.book import Book, Told
from wardlight.access.passwords import Passwords
from wardlight.access.people import People
from wardlight.access.second import SecondFactors
from wardlight.access.sessions import Sessions
from wardlight.access.signing import Signing
from wardlight.access.tokens import Tokens
from wardlight.clock import Clock
from wardlight.config import Access as Settings
from wardlight.store.state import State

FIRST = "first-sign-in"
"""The file of the first administrator's one-time link in the data directory, until somebody has joined."""


class Access:
    """People, their sessions and second factors, and the tokens of machines. All of it blocks.

    `told` hears of every change after it is on disk; without, changes wait until `pass_on` of a later run tells them.
    """

    def __init__(
        self,
        state: State,
        clock: Clock,
        settings: Settings,
        told: Told | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self._book = Book(state, clock, told)
        self.people = People(self._book)
        self.second = SecondFactors(self._book)
        self.sessions = Sessions(self._book, settings)
        self.signing = Signing(self._book, self.sessions, passwords or Passwords(settings.breached_passwords))
        self.tokens = Tokens(self._book, clock)

    def pass_on(self) -> None:
        """Tell what an earlier run, or the command line without a server, couldn't tell."""
        self._book.pass_on()

    def close(self) -> None:
        """Write what is written lazily."""
        self.tokens.flush()
