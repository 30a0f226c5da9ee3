"""People: who they are, what roles they have; invited, disabled, given a new link. Methods block."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from wardlight.access import lockout, secret
from wardlight.access.book import Book, Change, Row
from wardlight.access.roles import Role
from wardlight.access.tables import invitations, people, recovery_codes, sessions
from wardlight.problems import BadInput, Conflict, Denied, NotFound

WELCOME = "/welcome/"
"""Where a one-time link leads."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_VALID = timedelta(hours=72)
_ITSELF = "wardlight"
_FIRST = "(first administrator)"
"""Stands for somebody who has yet to choose a name; nobody can be called that."""
_JOINED = sa.or_(people.c.password.is_not(None), people.c.subject.is_not(None))


@dataclass(frozen=True)
class Person:
    """Somebody with an account. `state` is `invited`, `active` or `disabled`."""

    name: str
    display_name: str
    roles: tuple[Role, ...]
    state: str
    second_factor: bool
    outside: bool
    """Signs in elsewhere, by OpenID Connect."""
    created: datetime
    signed_in: datetime | None


@dataclass(frozen=True)
class Invitation:
    """A one-time link, whose secret is known now and never again."""

    person: str
    secret: str
    expires: datetime

    @property
    def path(self) -> str:
        """Where on the server it leads."""
        return WELCOME + self.secret


def name_of(text: str) -> str:
    """Read somebody's name; raises BadInput."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise BadInput("a name has letters a to z, digits and . _ @ -, at most 64, and begins with a letter or digit")
    return name


def roles_of(words: str) -> tuple[Role, ...]:
    """Read roles as they are kept."""
    return tuple(Role(word) for word in words.split())


class People:
    """All accounts."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def first(self) -> Invitation | None:
        """While there is no administrator, invite the first, anew at each start; None when there is one.

        Whoever follows that link chooses a name: there is no default account, and no default password.
        """
        with self._book.change() as change:
            waiting = change.connection.scalar(sa.select(invitations.c.person).where(invitations.c.first))
            rows = change.connection.execute(sa.select(people.c.name, people.c.roles))
            if {row.name for row in rows if Role.ADMINISTRATOR in roles_of(row.roles)} - {waiting}:
                return None
            if waiting is None:
                _add(change, _FIRST, "", (Role.ADMINISTRATOR,))
            change.note("person.invited", _ITSELF, person=_FIRST, roles=str(Role.ADMINISTRATOR))
            return _invitation(change, _FIRST)

    def invite(self, name: str, display_name: str, roles: Iterable[Role], *, by: str) -> Invitation:
        """Make an account that waits for its owner. Raises BadInput, and Conflict when the name is taken."""
        name, words = name_of(name), _words(roles)
        with self._book.change() as change:
            if _row(change, name) is not None:
                raise Conflict(f"there is a person {name} already")
            _add(change, name, display_name, roles_of(words))
            change.note("person.invited", by, person=name, roles=words)
            return _invitation(change, name)

    def link(self, name: str, *, by: str) -> Invitation:
        """Make a new one-time link with which somebody chooses a new password; earlier links end.

        Raises NotFound, and Conflict for somebody disabled or who signs in elsewhere.
        """
        with self._book.change() as change:
            row = _local(change, name)
            lockout.forgive(change.connection, row.name)
            change.note("person.linked", by, person=row.name)
            return _invitation(change, row.name)

    def reset(self, name: str, *, by: str) -> Invitation:
        """Take away password and second factor, end the sessions, and make a new one-time link. Raises as `link`."""
        with self._book.change() as change:
            row = _local(change, name)
            forget_factor(change, row.name)
            update(change, row.name, password=None)
            end_sessions(change, row.name)
            lockout.forgive(change.connection, row.name)
            change.note("person.reset", by, person=row.name)
            return _invitation(change, row.name)

    def set_roles(self, name: str, roles: Iterable[Role], *, by: str) -> Person:
        """Give somebody other roles and end their sessions. Raises NotFound, and Conflict for the last administrator."""
        words = _words(roles)
        with self._book.change() as change:
            row = found(change, name)
            if Role.ADMINISTRATOR not in roles_of(words):
                _last_one_stays(change, row.name)
            update(change, row.name, roles=words)
            end_sessions(change, row.name)
            settle(change, row.name)
            change.note("person.roles", by, person=row.name, roles=words, before=row.roles)
        return self.get(row.name)

    def disable(self, name: str, *, by: str) -> Person:
        """Let somebody in no more, from this moment. Raises NotFound, and Conflict for the last administrator."""
        with self._book.change() as change:
            row = found(change, name)
            _last_one_stays(change, row.name)
            update(change, row.name, disabled=True)
            change.connection.execute(sa.delete(invitations).where(invitations.c.person == row.name))
            end_sessions(change, row.name)
            change.note("person.disabled", by, person=row.name)
        return self.get(row.name)

    def enable(self, name: str, *, by: str) -> Person:
        """Let somebody in again, and forget failed sign-ins. Raises NotFound."""
        with self._book.change() as change:
            row = found(change, name)
            update(change, row.name, disabled=False)
            lockout.forgive(change.connection, row.name)
            change.note("person.enabled", by, person=row.name)
        return self.get(row.name)

    def recognised(self, subject: str, name: str, display_name: str, roles: Iterable[Role]) -> Person:
        """Note whom an OpenID Connect provider has recognised, with today's roles.

        `subject` is issuer and subject, which stay when a name changes. Raises Denied when disabled or without a role,
        Conflict when the name is somebody else's: nobody takes over an account by having its name elsewhere.
        """
        kept = tuple(roles)
        if not kept:
            raise Denied("the sign-in service names no role for you here")
        with self._book.change() as change:
            row = change.connection.execute(sa.select(people).where(people.c.subject == subject)).one_or_none()
            if row is None:
                name = name_of(name)
                if _row(change, name) is not None:
                    raise Conflict(f"the name {name} belongs to another account here")
                _add(change, name, display_name, kept, subject)
                change.note("person.joined", name, person=name, roles=_words(kept))
                settle(change, name)
            else:
                name = row.name
                if row.disabled:
                    raise Denied("your account is disabled")
                if row.roles != _words(kept):
                    update(change, name, roles=_words(kept))
                    end_sessions(change, name)
                    change.note("person.roles", name, person=name, roles=_words(kept), before=row.roles)
                update(change, name, display_name=display_name)
        return self.get(name)

    def listed(self) -> list[Person]:
        """List everybody, by name."""
        with self._book.state.read() as connection:
            return [_person(row) for row in connection.execute(sa.select(people).order_by(people.c.name))]

    def get(self, name: str) -> Person:
        """Find somebody; raises NotFound."""
        with self._book.state.read() as connection:
            row = connection.execute(sa.select(people).where(people.c.name == name)).one_or_none()
        if row is None:
            raise NotFound(f"there is no person {name}")
        return _person(row)


def found(change: Change, name: str) -> Row:
    """Find somebody's row; raises NotFound."""
    row = _row(change, name)
    if row is None:
        raise NotFound("there is no such person")
    return row


def end_sessions(change: Change, name: str) -> None:
    """End all of somebody's sessions."""
    change.connection.execute(sa.delete(sessions).where(sessions.c.person == name))


def forget_factor(change: Change, name: str) -> None:
    """Forget somebody's second factor and recovery codes."""
    update(change, name, totp=None, totp_offered=None, totp_step=0)
    change.connection.execute(sa.delete(recovery_codes).where(recovery_codes.c.person == name))


def settle(change: Change, joined: str) -> None:
    """When an administrator has joined, let the first one's link open nothing any more."""
    row = found(change, joined)
    if Role.ADMINISTRATOR in roles_of(row.roles) and (row.password or row.subject):
        nobody = sa.select(invitations.c.person).where(invitations.c.first)
        change.connection.execute(sa.delete(people).where(people.c.name.in_(nobody)))
        change.connection.execute(sa.delete(invitations).where(invitations.c.first))


def _last_one_stays(change: Change, name: str) -> None:
    """Raise Conflict when without this person nobody could manage the house any more."""
    query = sa.select(people.c.name, people.c.roles).where(_JOINED, people.c.disabled.is_(False))
    able = {row.name for row in change.connection.execute(query) if Role.ADMINISTRATOR in roles_of(row.roles)}
    if able == {name}:
        raise Conflict(f"{name} is the last administrator who can sign in: let there be another one first")


def _row(change: Change, name: str) -> Row | None:
    return change.connection.execute(sa.select(people).where(people.c.name == name)).one_or_none()


def _local(change: Change, name: str) -> Row:
    row = found(change, name)
    if row.subject is not None:
        raise Conflict(f"{name} signs in elsewhere, and has no password here")
    if row.disabled:
        raise Conflict(f"{name} is disabled")
    return row


def _add(change: Change, name: str, display_name: str, roles: Iterable[Role], subject: str | None = None) -> None:
    values = {"display_name": display_name.strip(), "roles": _words(roles), "subject": subject, "created": change.now}
    change.connection.execute(sa.insert(people).values(name=name, disabled=False, totp_step=0, **values))


def update(change: Change, person: str, /, **values: object) -> None:
    """Change somebody's row."""
    change.connection.execute(sa.update(people).where(people.c.name == person).values(values))


def _invitation(change: Change, name: str) -> Invitation:
    made, expires = secret.made(), change.now + _VALID
    change.connection.execute(sa.delete(invitations).where(invitations.c.person == name))
    row = {"hash": secret.digest(made), "person": name, "first": name == _FIRST, "expires": expires}
    change.connection.execute(sa.insert(invitations).values(row))
    return Invitation(name, made, expires)


def _words(roles: Iterable[Role]) -> str:
    words = " ".join(sorted(set(roles)))
    if not words:
        raise BadInput("somebody has at least one role")
    return words


def _person(row: Row) -> Person:
    active = "active" if row.password is not None or row.subject is not None else "invited"
    return Person(
        name=row.name,
        display_name=row.display_name,
        roles=roles_of(row.roles),
        state="disabled" if row.disabled else active,
        second_factor=row.totp is not None,
        outside=row.subject is not None,
        created=row.created,
        signed_in=row.signed_in,
    )
