"""The second factor: time-based one-time passwords (RFC 6238) by an authenticator, and recovery codes. Methods block."""

from __future__ import annotations

import hmac
import io
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno
import sqlalchemy as sa

from wardlight.access import people, secret
from wardlight.access.book import Book, Change
from wardlight.access.tables import people as people_table
from wardlight.access.tables import recovery_codes
from wardlight.problems import BadInput, Conflict

_STEP = 30
_CODES = 10


@dataclass(frozen=True)
class Enrolment:
    """What somebody's authenticator needs: the secret, the same as URI, and as a QR code in SVG."""

    secret: str
    uri: str
    svg: str


class SecondFactors:
    """Everybody's second factor."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def enrol(self, name: str) -> Enrolment:
        """Offer a new secret; it counts once a code has confirmed it. Raises NotFound, and Conflict when there is one."""
        made = pyotp.random_base32()
        with self._book.change() as change:
            row = people.found(change, name)
            if row.totp is not None:
                raise Conflict("there is a second factor already: remove it first")
            people.update(change, name, totp_offered=made)
        uri = pyotp.TOTP(made).provisioning_uri(name=name, issuer_name="Wardlight")
        drawn = io.BytesIO()
        segno.make(uri, error="m").save(
            drawn, kind="svg", scale=5, border=4, xmldecl=False, svgns=True, title="QR code"
        )
        return Enrolment(made, uri, drawn.getvalue().decode())

    def confirm(self, name: str, code: str, *, by: str) -> list[str]:
        """Take the offered secret into use; the recovery codes, shown once. Raises BadInput for a wrong code."""
        codes = [secret.by_hand() for _ in range(_CODES)]
        with self._book.change() as change:
            row = people.found(change, name)
            step = _step(row.totp_offered or "", code, change.now)
            if row.totp_offered is None or step is None:
                raise BadInput("that isn't the code that belongs to this QR code now: is the device's clock right?")
            people.forget_factor(change, name)
            people.update(change, name, totp=row.totp_offered, totp_step=step)
            rows = [{"hash": secret.digest(one), "person": name} for one in codes]
            change.connection.execute(sa.insert(recovery_codes), rows)
            change.note("factor.added", by, person=name)
        return codes

    def remove(self, name: str, *, by: str) -> None:
        """Do without. Raises NotFound."""
        with self._book.change() as change:
            people.found(change, name)
            people.forget_factor(change, name)
            change.note("factor.removed", by, person=name)


def used(change: Change, name: str, code: str) -> bool:
    """Say whether a code is right, and use it up: neither a one-time password nor a recovery code is good twice."""
    row = people.found(change, name)
    step = _step(row.totp or "", code, change.now)
    if step is not None:
        fresh = sa.update(people_table).where(people_table.c.name == name, people_table.c.totp_step < step)
        return change.connection.execute(fresh.values(totp_step=step)).rowcount == 1
    this = sa.delete(recovery_codes).where(
        recovery_codes.c.person == name, recovery_codes.c.hash == secret.digest(code.strip().lower())
    )
    if change.connection.execute(this).rowcount != 1:
        return False
    change.note("factor.recovery-used", name, person=name)
    return True


def _step(shared: str, code: str, now: datetime) -> int | None:
    """Find the step of time that a code belongs to, of this one and its neighbours; None if none."""
    digits = code.replace(" ", "")
    if not shared or len(digits) != 6 or not digits.isascii():
        return None
    current = int(now.timestamp()) // _STEP
    otp = pyotp.TOTP(shared)
    steps = (current - 1, current, current + 1)
    right = [step for step in steps if hmac.compare_digest(otp.generate_otp(step), digits)]
    return right[-1] if right else None
