"""The watchers are watched: each look at the audit trail is an event of it (DICOM PS3.15, Audit Log Used, 110101)."""

from __future__ import annotations

import base64

from wardlight.audit.event import (
    DCM,
    ENTITY_ROLE,
    ENTITY_TYPE,
    Agent,
    AuditEvent,
    Coding,
    Concept,
    Entity,
    Entry,
    Identifier,
    Reference,
    Source,
)
from wardlight.audit.trail import Trail
from wardlight.clock import Clock

_USED = [Concept(coding=[Coding(system=DCM, code="110101", display="Audit Log Used")])]
_SECURITY_RESOURCE = Coding(system=ENTITY_ROLE, code="13", display="Security Resource")
_SYSTEM_OBJECT = Coding(system=ENTITY_TYPE, code="2", display="System Object")
_SOURCE = Source(observer=Reference(display="wardlight"))


class Looks:
    """Notes who looked at the trail, and what for."""

    def __init__(self, trail: Trail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    def note(self, reader: str, query: str, *, address: str = "", failed: bool = False) -> None:
        """Note a look, before it is answered; on return it is in the ledger. Raises Unavailable, Busy.

        `query` is what was asked, in whatever language; it may name a patient, and stays within the trail.
        """
        now = self._clock.now_ns()
        event = AuditEvent(
            recorded=now,
            type=_USED,
            action="R",
            outcome="8" if failed else "0",
            agent=[
                Agent(
                    who=Reference(identifier=Identifier(value=reader)),
                    requestor=True,
                    network=address,
                    network_type="2" if address else "",
                )
            ],
            source=_SOURCE,
            entity=[
                Entity(
                    type=_SYSTEM_OBJECT,
                    role=_SECURITY_RESOURCE,
                    name="audit trail",
                    query=base64.b64encode(query.encode()).decode(),
                )
            ],
        )
        self._trail.submit([Entry(received=now, format="own", event=event)]).done.result()
