"""What people do with Wardlight itself, as events of the audit trail: an incident acknowledged, a hold placed.

A deed is noted when it is done: it can't be undone because the trail is away. What can't be noted is logged and counted.
"""

from __future__ import annotations

import logging

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
from wardlight.problems import Problem

_log = logging.getLogger(__name__)

_ACTIVITY = [Concept(coding=[Coding(system=DCM, code="110100", display="Application Activity")])]
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
        now = self._clock.now_ns()
        event = AuditEvent(
            recorded=now,
            type=_ACTIVITY,
            subtype=[Concept(text=deed)],
            action="E",
            outcome="0",
            agent=[Agent(who=Reference(identifier=Identifier(value=actor)), requestor=True)],
            source=_SOURCE,
            entity=[
                Entity(
                    what=Reference(identifier=Identifier(value=number)),
                    type=_OTHER,
                    name=about,
                    detail=[Detail(type="way", value=way)],
                )
            ],
        )
        try:
            self._trail.submit([Entry(received=now, format="own", event=event)]).done.result(timeout=10)
        except (Problem, TimeoutError) as problem:
            self._lost.inc()
            _log.error("%s of %s %s isn't in the audit trail: %s", deed, about, number, problem)
