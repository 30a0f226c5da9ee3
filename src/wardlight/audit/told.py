"""An audit event that didn't come as a log record, told as one: who reads logs sees what happened, not to whom.

The body is a sentence of standard words. Who and whose record are in the columns that readers without the right to it
see masked.
"""

from __future__ import annotations

from functools import lru_cache

from wardlight.audit import codes
from wardlight.audit.event import DCM, INTERACTION, AuditEvent, Concept, Entry, patients, users
from wardlight.audit.table import acted_on, purposes_of, recorded_ns, service_of
from wardlight.records import labels_of, severity_of, stream_of

_REST = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_NAMES = {"110122": "user.login", "110123": "user.logout", "110106": "record.export", "110110": "record.access"}
"""Names that events have in the SDK, by DICOM's codes."""
_WORDS = codes.EVENTS | codes.EVENT_TYPES
_VERBS = {"C": "created", "R": "read", "U": "updated", "D": "deleted"}
_OUTCOMES = {"0": "success", "4": "failure", "8": "failure", "12": "failure"}

Told = tuple[int, str, str, int, bytes, bytes, str, str, dict[str, str]]
"""The columns of `records.SCHEMA` without the kind."""


def row(entry: Entry) -> Told:
    """Write an entry as a log record."""
    event = entry.event
    failed = _OUTCOMES.get(event.outcome) == "failure"
    level = "warn" if failed else "info"
    return (
        recorded_ns(entry),
        _stream(entry.stream, service_of(entry) or "unknown_service", level),
        sentence(event) if entry.format != "raw" else "Audit event that can't be read",
        severity_of(level),
        _bytes(entry.trace_id, 16),
        _bytes(entry.span_id, 8),
        next(iter(users(event)), ""),
        next(iter(patients(event)), ""),
        entry.attributes | _attributes(entry),
    )


def sentence(event: AuditEvent) -> str:
    """Say in a few words what happened, without anybody's name.

    >>> sentence(AuditEvent(type=[Concept(text="Disclosure")], outcome="8"))
    'Disclosure (failed)'
    """
    resource, _ = acted_on(event)
    if resource and event.action in _VERBS and _is_access(event):
        said = f"{resource} {_VERBS[event.action]}"
    else:
        said = ": ".join(filter(None, map(_words, (event.type[:1], event.subtype[:1])))) or "Audit event"
    return said + (" (failed)" if _OUTCOMES.get(event.outcome) == "failure" else "")


def _is_access(event: AuditEvent) -> bool:
    """Whether it is an access to a record, as FHIR's servers and DICOM's Patient Record say it."""
    return any(
        one.system in (_REST, INTERACTION) or (one.system, one.code) == (DCM, "110110")
        for concept in event.type + event.subtype
        for one in concept.coding
    )


def _words(concepts: list[Concept]) -> str:
    """Name what the first code means; the sender's own words only where we don't know the code."""
    for concept in concepts:
        for one in concept.coding:
            return _WORDS.get(one.code, "") if one.system == DCM and one.code in _WORDS else one.display or one.code
        return concept.text
    return ""


def _attributes(entry: Entry) -> dict[str, str]:
    """Write what is asked for under the names that the SDK's records have."""
    event = entry.event
    kind, record = acted_on(event)
    asking = sorted(event.agent, key=lambda agent: agent.requestor is not True)
    said = {
        "event_name": _event_name(event),
        "event_outcome": _OUTCOMES.get(event.outcome, ""),
        "health_action": event.action,
        "health_record_type": kind,
        "health_record_id": record,
        "health_purpose": next(iter(purposes_of(event)), ""),
        "user_role": next((_role(concept) for agent in asking for concept in agent.role), ""),
        "client_address": next((agent.network for agent in asking if agent.network), ""),
        "audit_format": entry.format,
        "deviation": ",".join(entry.deviation),
    }
    return {name: value for name, value in said.items() if value}


def _role(concept: Concept) -> str:
    return next((one.code for one in concept.coding if one.code), concept.text)


def _event_name(event: AuditEvent) -> str:
    """Name an event as the SDK does, else by DICOM's name for it: `audit.log.used`."""
    found = [one for concept in event.subtype + event.type for one in concept.coding]
    for one in found:
        if one.system == DCM and one.code in _NAMES:
            return _NAMES[one.code]
    if any(one.system in (_REST, INTERACTION) for one in found):
        return "record.access"
    return ".".join(_words(event.type).lower().split())


@lru_cache(4096)
def _stream(stream: str, service: str, level: str) -> str:
    """Write the labels: those it came with, and what every stream has."""
    labels = labels_of(stream) if stream else {}
    return stream_of(labels | {"service_name": service, "level": level, "kind": "audit"})


def _bytes(identifier: str, size: int) -> bytes:
    return bytes.fromhex(identifier) if len(identifier) == 2 * size else bytes(size)
