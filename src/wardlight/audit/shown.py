"""An audit event as a row that people read: in a table, a file or on paper."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wardlight.audit import instants
from wardlight.audit.event import Agent, AuditEvent, Concept, Entry, local_id, patients, users
from wardlight.audit.table import TIMESTAMP, acted_on, recorded_ns, service_of

_ACTIONS = {"C": "create", "R": "read", "U": "update", "D": "delete", "E": "execute"}
_OUTCOMES = {"0": "success", "4": "minor failure", "8": "serious failure", "12": "major failure"}
_PURPOSES = {
    "TREAT": "treatment", "ETREAT": "emergency treatment", "BTG": "break the glass", "HPAYMT": "payment",
    "HOPERAT": "operations", "HRESCH": "research", "PUBHLTH": "public health", "PATRQT": "asked for by the patient",
    "FAMRQT": "asked for by the family", "HLEGAL": "legal", "HMARKT": "marketing", "HSYSADMIN": "administration",
    "COVERAGE": "coverage", "CAREMGT": "care management", "PATSFTY": "patient safety", "HPRGRP": "reporting",
    "SYSDEV": "system development", "HTEST": "test", "TRAIN": "training", "DONAT": "donation", "FRAUD": "fraud",
}  # fmt: skip
"""Purposes of use (HL7 ActReason) where the sender gave the code alone."""
_EMERGENCIES = {"ETREAT", "BTG"}


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One event; what it doesn't say is empty. `docs/audit.md` says what each column means."""

    time: str
    received: str
    user: str
    name: str
    role: str
    action: str
    record_type: str
    record: str
    patient: str
    purpose: str
    outcome: str
    from_: str
    service: str
    index: int
    deviation: str
    break_glass: bool
    what: str
    recipient: str


def shown(index: int, entry: Entry) -> Shown:
    """Write an event for people; times are UTC."""
    event = entry.event
    agent = _asker(event)
    kind, record = acted_on(event)
    recorded = recorded_ns(entry)
    return Shown(
        time=instants.write(recorded),
        received=instants.write(entry.received),
        user=(users(event) or [""])[0],
        name=_named(agent),
        role=", ".join(filter(None, map(words, agent.role))) if agent else "",
        action=_ACTIONS.get(event.action, event.action),
        record_type=kind,
        record=record,
        patient=", ".join(patients(event)),
        purpose=", ".join(dict.fromkeys(filter(None, map(_purpose, _purposes(event))))),
        outcome=_OUTCOMES.get(event.outcome, event.outcome),
        from_=_address(event, agent),
        service=service_of(entry),
        index=index,
        deviation=" ".join(dict.fromkeys([*entry.deviation, *([TIMESTAMP] if recorded != event.recorded else [])])),
        break_glass=_is_emergency(event),
        what=_what(event),
        recipient=_recipient(event),
    )


def words(concept: Concept) -> str:
    """Say what is meant, in the sender's words, else by its code."""
    coding = concept.coding[0] if concept.coding else None
    return concept.text or (coding.display or coding.code if coding else "")


def _asker(event: AuditEvent) -> Agent | None:
    """Find the agent who is first of `users`: who asked for it, else the first that has a name."""
    ordered = sorted(event.agent, key=lambda agent: agent.requestor is not True)
    return next((one for one in ordered if local_id(one.who) or one.alt_id or one.name), None)


def _named(agent: Agent | None) -> str:
    if agent is None:
        return ""
    return agent.name or (agent.who.display if agent.who else "") or local_id(agent.who) or agent.alt_id


def _purposes(event: AuditEvent) -> Iterable[Concept]:
    return [*event.purpose, *(one for agent in event.agent for one in agent.purpose)]


def _purpose(concept: Concept) -> str:
    known = next((_PURPOSES[one.code] for one in concept.coding if one.code in _PURPOSES), "")
    return known or words(concept)


def _is_emergency(event: AuditEvent) -> bool:
    """Whether it is a break-the-glass, as `search` finds it."""
    kinds = {one.code for concept in (*event.type, *event.subtype) for one in concept.coding}
    purposes = {one.code for concept in _purposes(event) for one in concept.coding}
    return "110127" in kinds or not purposes.isdisjoint(_EMERGENCIES)


def _what(event: AuditEvent) -> str:
    """Say what happened: the kinds of event, the most special first."""
    return ", ".join(dict.fromkeys(filter(None, map(words, (*event.subtype, *event.type)))))


def _recipient(event: AuditEvent) -> str:
    """Name who got the record: its recipient, where the event names one, else who asked for it.

    The recipient that HL7 calls so goes before DICOM's, which is a machine where a person reads.
    """
    for code in ("IRCP", "110152") if _is_disclosure(event) else ("IRCP",):
        named = [_named(one) for one in event.agent if code in _codes(one)]
        if any(named):
            return ", ".join(filter(None, named))
    return _named(_asker(event))


def _is_disclosure(event: AuditEvent) -> bool:
    kinds = {one.code.lower() for concept in (*event.type, *event.subtype) for one in concept.coding}
    return not kinds.isdisjoint({"110106", "disclose", "disclosure"})


def _codes(agent: Agent) -> set[str]:
    concepts = [*agent.role, *([agent.type] if agent.type else [])]
    return {one.code for concept in concepts for one in concept.coding}


def _address(event: AuditEvent, asker: Agent | None) -> str:
    own = asker.network if asker else ""
    return own or next((one.network for one in event.agent if one.network), "")
