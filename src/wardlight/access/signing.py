"""Signing in: by password and second factor; the first time by a one-time link. Methods block.

Whether a name exists can't be told from an answer: it is the same sentence, after the same work.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from wardlight.access import lockout, people, second, secret, sessions
from wardlight.access.book import Book, Change, Row
from wardlight.access.passwords import Passwords
from wardlight.access.people import name_of
from wardlight.access.sessions import Sessions, Started, Visit
from wardlight.access.tables import invitations
from wardlight.access.tables import people as people_table
from wardlight.problems import BadInput, Conflict, NotFound, Unauthenticated

_WRONG = "name or password is wrong"
_LATE = "sign in again: that took too long"
_NOBODY = "unknown"
"""Whose failure it is when there is no such account: never what was typed, which may be a password."""


@dataclass(frozen=True)
class Invited:
    """Whom a one-time link is for; the first of all has yet to choose a name."""

    person: str
    display_name: str
    first: bool


class Signing:
    """The ways in, and out."""

    def __init__(self, book: Book, sessions_: Sessions, passwords: Passwords) -> None:
        self._book = book
        self._sessions = sessions_
        self._passwords = passwords

    def sign_in(self, name: str, password: str, visit: Visit, *, old: str = "") -> Started:
        """Begin a session, pending when a second factor is due; the `old` one of this browser ends.

        Raises Unauthenticated, and Busy during a back-off.
        """
        row, attempt = self._proved(name.strip().lower(), password, visit, _WRONG)
        renewed = self._passwords.hashed(password) if self._passwords.outdated(row.password) else row.password
        with self._book.change() as change:
            now = people.found(change, row.name)
            if now.disabled or now.password != row.password:
                raise Unauthenticated(_WRONG)
            people.update(change, row.name, password=renewed)
            lockout.succeeded(change.connection, attempt, change.now, wholly=now.totp is None)
            if now.totp is not None:
                return self._sessions.start(change, row.name, visit, old=old, pending=True)
            return self._entered(change, row.name, visit, old, "password")

    def confirm(self, pending: str, code: str, visit: Visit) -> Started:
        """Finish a pending session with a code or a recovery code; the secret is a new one.

        Raises Unauthenticated, and Busy during a back-off.
        """
        with self._book.state.read() as connection:
            name = self._sessions.pending(connection, pending)
        if name is None:
            raise Unauthenticated(_LATE)
        attempt = self._begin(name, visit)
        with self._book.change() as change:
            if self._sessions.pending(change.connection, pending) is None:
                raise Unauthenticated(_LATE)
            if second.used(change, name, code):
                lockout.succeeded(change.connection, attempt, change.now)
                return self._entered(change, name, visit, pending, "password and second factor")
            _failed(change, name, visit, attempt, "second factor")
        raise Unauthenticated("the code is wrong, or was used already")

    def begin(self, name: str, visit: Visit, *, old: str = "", way: str = "OpenID Connect") -> Started:
        """Begin a session of somebody whom another has recognised. Raises NotFound, and Unauthenticated if disabled."""
        with self._book.change() as change:
            if people.found(change, name).disabled:
                raise Unauthenticated("the account is disabled")
            return self._entered(change, name, visit, old, way)

    def refused(self, address: str) -> None:
        """Note that somebody came back from an OpenID Connect provider whom nobody has recognised."""
        with self._book.change() as change:
            about = {"person": _NOBODY, "address": address, "reason": "OpenID Connect"}
            change.note("login.failed", _NOBODY, **about)

    def sign_out(self, secret_: str) -> None:
        """End a session, if it is one."""
        with self._book.change() as change:
            person = sessions.end(change, secret_)
            if person is not None:
                change.note("logout.done", person, person=person)

    def sign_out_everywhere(self, name: str, visit: Visit) -> None:
        """End all of somebody's sessions."""
        with self._book.change() as change:
            people.end_sessions(change, name)
            change.note("logout.done", name, person=name, address=visit.address, reason="everywhere")

    def change_password(self, name: str, current: str, new: str, visit: Visit) -> Started:
        """Replace a password; every session ends, and a new one begins.

        Raises Unauthenticated, Busy during a back-off, BadInput when the new one is too weak.
        """
        row = self.verify(name, current, visit)
        self._passwords.refuse_weak(new, name, row.display_name)
        if new == current:
            raise BadInput("that is the password you have")
        hashed = self._passwords.hashed(new)
        with self._book.change() as change:
            _replace(change, name, row.password, hashed)
            people.end_sessions(change, name)
            change.note("password.changed", name, person=name, address=visit.address)
            return self._sessions.start(change, name, visit)

    def verify(self, name: str, password: str, visit: Visit) -> Row:
        """See to it that it is still the same person, before a thing that matters. Raises Unauthenticated and Busy."""
        row, attempt = self._proved(name, password, visit, "the password is wrong")
        with self._book.change() as change:
            lockout.succeeded(change.connection, attempt, change.now, wholly=False)
        return row

    def invited(self, secret_: str) -> Invited:
        """Say whom a one-time link is for. Raises NotFound when it was used, has expired or never was."""
        with self._book.change() as change:
            invitation = _invitation(change, secret_)
            row = people.found(change, invitation.person)
            return Invited(row.name, row.display_name, invitation.first)

    def accept(self, link: str, password: str, visit: Visit, *, name: str = "", display_name: str = "") -> str:
        """Choose a password by a one-time link, which ends with it: the person's name.

        Raises NotFound as `invited`, BadInput when the password is too weak, Conflict when the name is taken. The
        first of all chooses a name, nobody else does.
        """
        invited = self.invited(link)
        chosen = name_of(name) if invited.first else invited.person
        shown = (display_name if invited.first else "").strip() or invited.display_name
        self._passwords.refuse_weak(password, chosen, shown)
        hashed = self._passwords.hashed(password)
        with self._book.change() as change:
            _invitation(change, link)
            if chosen != invited.person and change.connection.scalar(_named(chosen)) is not None:
                raise Conflict(f"there is a person {chosen} already")
            change.connection.execute(sa.delete(invitations).where(invitations.c.person == invited.person))
            people.update(change, invited.person, name=chosen, display_name=shown, password=hashed)
            people.end_sessions(change, chosen)
            people.settle(change, chosen)
            lockout.forgive(change.connection, chosen)
            change.note("person.joined", chosen, person=chosen, address=visit.address)
        return chosen

    def _begin(self, name: str, visit: Visit) -> lockout.Attempt:
        """Count an attempt; raises Busy during a back-off."""
        attempt = lockout.Attempt.of(name, visit.address)
        with self._book.change() as change:
            wait = lockout.begin(change.connection, attempt, change.now)
        lockout.refuse(wait)
        return attempt

    def _proved(self, name: str, password: str, visit: Visit, wrong: str) -> tuple[Row, lockout.Attempt]:
        """Find the account whose password it is; raises Unauthenticated, and Busy during a back-off."""
        attempt = self._begin(name, visit)
        with self._book.state.read() as connection:
            row = connection.execute(sa.select(people_table).where(people_table.c.name == name)).one_or_none()
        right = self._passwords.fits(password, row.password if row is not None else None)
        if row is not None and right and not row.disabled:
            return row, attempt
        whose = row.name if row is not None else _NOBODY
        with self._book.change() as change:
            _failed(change, whose, visit, attempt, "password")
        raise Unauthenticated(wrong)

    def _entered(self, change: Change, name: str, visit: Visit, old: str, way: str) -> Started:
        people.update(change, name, signed_in=change.now)
        change.note("login.done", name, person=name, address=visit.address, way=way)
        return self._sessions.start(change, name, visit, old=old)


def _failed(change: Change, person: str, visit: Visit, attempt: lockout.Attempt, reason: str) -> None:
    """Let the trail be told of a failure, and of the seconds for which others are held back after it."""
    held = lockout.held(change.connection, attempt, change.now)
    about = {"address": visit.address, "reason": reason, **({"held": f"{held} s"} if held else {})}
    change.note("login.failed", person, person=person, **about)


def _named(name: str) -> sa.Select[tuple[str]]:
    return sa.select(people_table.c.name).where(people_table.c.name == name)


def _replace(change: Change, name: str, known: str, hashed: str) -> None:
    """Put a new password in the place of one that is still the same; raises Conflict."""
    this = sa.update(people_table).where(people_table.c.name == name, people_table.c.password == known)
    if change.connection.execute(this.values(password=hashed)).rowcount != 1:
        raise Conflict("the password was changed meanwhile")


def _invitation(change: Change, secret_: str) -> Row:
    query = sa.select(invitations).where(invitations.c.hash == secret.digest(secret_))
    row = change.connection.execute(query).one_or_none()
    if row is None or row.expires <= change.now:
        raise NotFound("this link was used already, or has expired: ask an administrator for a new one")
    return row
