"""What people do with Wardlight itself, as events of the audit trail: an incident acknowledged, a hold placed.

A deed is noted when it is done: it can't be undone because the trail is away. What can't be noted is logged and counted;
sign-ins and changes of who gets in wait in the state database until it can (`access/book.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter

from wardlight.audit.event import (
    DCM,
    ENTITY_TYPE,
    Agent,
    AuditEvent,
    Coding,
    Concept,
    Detail,
    Entity,
    Entry,
    Identifier,
    Reference,
    Source,
)
from wardlight.audit.trail import Trail
from wardlight.clock import Clock
from wardlight.problems import Problem, Unavailable

_log = logging.getLogger(__name__)

_PATIENCE = 10

_ACTIVITY = [Concept(coding=[Coding(system=DCM, code="110100", display="Application Activity")])]
_AUTHENTICATION = [Concept(coding=[Coding(system=DCM, code="110114", display="User Authentication")])]
_ALERT = [Concept(coding=[Coding(system=DCM, code="110113", display="Security Alert")])]
_LOGIN = Coding(system=DCM, code="110122", display="Login")
_LOGOUT = Coding(system=DCM, code="110123", display="Logout")
_ROLES = Coding(system=DCM, code="110136", display="Security Roles Changed")
_ATTRIBUTES = Coding(system=DCM, code="110137", display="User Security Attributes Changed")
_SIGNING = {"login.done": _LOGIN, "login.failed": _LOGIN, "logout.done": _LOGOUT}
_PERSON = Coding(system=ENTITY_TYPE, code="1", display="Person")
_OTHER = Coding(system=ENTITY_TYPE, code="4", display="Other")
_SOURCE = Source(observer=Reference(display="wardlight"))


class Deeds:
    """Notes deeds."""

    def __init__(self, trail: Trail, clock: Clock, registry: CollectorRegistry) -> None:
        self._trail = trail
        self._clock = clock
        self._lost = Counter("wardlight_audit_deeds_lost", "Deeds that the trail couldn't take.", registry=registry)

    def note(self, deed: str, actor: str, *, way: str, about: str, number: str) -> None:
        """Note that `actor` did `deed` (`incident.acknowledged`) by a `way` (console, cli, api …) to a thing of ours."""
        event = AuditEvent(
            recorded=self._clock.now_ns(),
            type=_ACTIVITY,
            subtype=[Concept(text=deed)],
            action="E",
            outcome="0",
            agent=[Agent(who=_named(actor), requestor=True)],
            source=_SOURCE,
            entity=[Entity(what=_named(number), type=_OTHER, name=about, detail=[Detail(type="way", value=way)])],
        )
        try:
            self._submit(event)
        except Problem as problem:
            self._lost.inc()
            _log.error("%s of %s %s isn't in the audit trail: %s", deed, about, number, problem)

    def access(self, action: str, actor: str, about: Mapping[str, str], at_ns: int) -> None:
        """Note a sign-in, a sign-out, or a change of who gets in (`person.roles`), as DICOM has them (PS3.15, A.5.3).

        `about` says whom it is about (`person` or `token`), from which `address`, and what else there is to say.
        Raises Unavailable, Busy and their like when the trail can't take it.
        """
        more = dict(about)
        address, subject = more.pop("address", ""), more.pop("person", "") or more.pop("token", "")
        signing = _SIGNING.get(action)
        code = signing or (_ROLES if action == "person.roles" else _ATTRIBUTES)
        event = AuditEvent(
            recorded=at_ns,
            type=_AUTHENTICATION if signing else _ALERT,
            subtype=[Concept(coding=[code], text=action)],
            action="E",
            outcome="4" if action == "login.failed" else "0",
            agent=[Agent(who=_named(actor), requestor=True, network=address, network_type="2" if address else "")],
            source=_SOURCE,
            entity=[
                Entity(
                    what=_named(subject),
                    type=_OTHER if "token" in about else _PERSON,
                    name="token" if "token" in about else "account",
                    detail=[Detail(type=name, value=value) for name, value in more.items() if value],
                )
            ],
        )
        self._submit(event)

    def _submit(self, event: AuditEvent) -> None:
        """Wait until the trail has it."""
        entry = Entry(received=self._clock.now_ns(), format="own", event=event)
        try:
            self._trail.submit([entry]).done.result(timeout=_PATIENCE)
        except TimeoutError:
            raise Unavailable(f"the audit trail hasn't answered for {_PATIENCE} seconds") from None


def _named(value: str) -> Reference:
    return Reference(identifier=Identifier(value=value))
