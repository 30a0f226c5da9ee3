"""What an audit event is: a superset of FHIR's AuditEvent in R4 and R5 and of DICOM's audit message.

FHIR R5 names the fields where both have them; where only R4 or DICOM (PS3.15 A.5) has one, it keeps its name there. The
canonical form, which a leaf of the ledger holds, is JSON with the fields in the order in which they stand here, and
without those that have their default.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from wardlight.problems import BadInput

Format = Literal[
    "fhir-r4+json", "fhir-r4+xml", "fhir-r5+json", "fhir-r5+xml", "dicom+xml", "rfc3881+xml", "log", "own", "raw"
]
"""What an event was received as: FHIR, DICOM audit XML, its forerunner RFC 3881, a log record of kind `audit`, an
event of Wardlight's own, or something that couldn't be read."""

DCM = "http://dicom.nema.org/resources/ontology/DCM"
"""The code system of DICOM's event identifiers."""
PURPOSE = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
"""The code system of purposes of use."""
INTERACTION = "http://hl7.org/fhir/restful-interaction"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"


class Part(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """A part of an event. Events are trees without cycles, which spares the garbage collector looking for some."""


class Coding(Part):
    """A code of a system."""

    system: str = ""
    code: str = ""
    display: str = ""


class Concept(Part):
    """What is meant, by codes, in words, or both."""

    coding: list[Coding] = []
    text: str = ""


class Identifier(Part):
    """A business identifier: an OID or URI of who assigned it, and the value."""

    system: str = ""
    value: str = ""
    type: Concept | None = None


class Reference(Part):
    """Somebody or something, by whatever the sender had."""

    reference: str = ""
    """`Patient/17`, or a whole URL."""
    type: str = ""
    """FHIR's resource type."""
    identifier: Identifier | None = None
    display: str = ""


class Agent(Part):
    """Who or what took part."""

    type: Concept | None = None
    role: list[Concept] = []
    who: Reference | None = None
    alt_id: str = ""
    name: str = ""
    requestor: bool | None = None
    location: Reference | None = None
    policy: list[str] = []
    media: Coding | None = None
    network: str = ""
    """Address, host name, telephone number or URI."""
    network_type: str = ""
    """DICOM's code: 1 machine name, 2 IP address, 3 telephone, 4 e-mail, 5 URI."""
    purpose: list[Concept] = []


class Detail(Part):
    """One more property of an entity."""

    type: str = ""
    value: str = ""
    binary: bool = False
    """`value` is base64."""


class Entity(Part):
    """What was acted upon: a patient, a record, a query."""

    what: Reference | None = None
    type: Coding | None = None
    role: Coding | None = None
    lifecycle: Coding | None = None
    security_label: list[Concept] = []
    name: str = ""
    description: str = ""
    query: str = ""
    """Base64."""
    detail: list[Detail] = []
    agent: list[Agent] = []


class Source(Part):
    """Who reported the event."""

    site: str = ""
    observer: Reference | None = None
    type: list[Concept] = []


class AuditEvent(Part):
    """An audit event."""

    id: str = ""
    """The sender's, if it gave one."""
    recorded: int = 0
    """When the sender recorded it, nanoseconds since 1970."""
    type: list[Concept] = []
    """R4's `type`, R5's `category`, DICOM's EventID: mostly one."""
    subtype: list[Concept] = []
    """R4's `subtype`, R5's `code`, DICOM's EventTypeCode."""
    action: str = ""
    """C, R, U, D or E."""
    severity: str = ""
    start: str = ""
    """R4's `period`, R5's `occurredPeriod`; an `occurredDateTime` is in both. ISO 8601 as sent."""
    end: str = ""
    outcome: str = ""
    """DICOM's and R4's code: 0 success, 4 minor failure, 8 serious failure, 12 major failure."""
    outcome_text: str = ""
    outcome_detail: list[Concept] = []
    purpose: list[Concept] = []
    based_on: list[Reference] = []
    patient: Reference | None = None
    """R5's; see `patients`."""
    encounter: Reference | None = None
    agent: list[Agent] = []
    source: Source | None = None
    entity: list[Entity] = []


class Entry(Part):
    """What a leaf of the ledger holds of one event."""

    received: int
    """When it came, nanoseconds since 1970, by our clock."""
    format: Format
    event: AuditEvent
    stream: str = ""
    """Labels of the log record it came as, as in `records.stream_of`."""
    deviation: list[str] = []
    """What breaks the standard, one word each; documented in `docs/audit.md`."""
    key: str = ""
    """The sender's idempotency key, hashed, in hexadecimal."""
    at: int = 0
    """Its number under that key."""
    original: str = ""
    """As it was sent, if it wasn't a log record; not UTF-8: read as Latin-1, with the deviation `not_utf8`."""
    body: str = ""
    """The log record's line."""
    severity: int = 0
    """The log record's SeverityNumber."""
    trace_id: str = ""
    """Hexadecimal."""
    span_id: str = ""
    attributes: dict[str, str] = {}
    """Attributes of the log record that the event's fields don't have."""


def encode(entry: Entry) -> bytes:
    """Write an entry in its canonical form."""
    return msgspec.json.encode(entry)


def decode(leaf: bytes) -> Entry:
    """Read what `encode` wrote. Raises BadInput."""
    try:
        return msgspec.json.decode(leaf, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadInput("an entry of the ledger isn't an audit event as this version knows it") from None


def local_id(reference: Reference | None) -> str:
    """Name what a reference points to, by the identifier's value, else the last part of the reference, else its words.

    >>> local_id(Reference(reference="http://server/fhir/Patient/17/_history/2")), local_id(Reference(display="Ann"))
    ('17', 'Ann')
    """
    if reference is None:
        return ""
    if reference.identifier is not None and reference.identifier.value:
        return reference.identifier.value
    path = reference.reference.partition("/_history/")[0]
    return path.rpartition("/")[2] or reference.display


def resource_type(reference: Reference | None) -> str:
    """Return the FHIR resource type that a reference names, or nothing.

    >>> resource_type(Reference(reference="http://server/fhir/Patient/17/_history/2"))
    'Patient'
    """
    if reference is None:
        return ""
    parts = reference.reference.partition("/_history/")[0].split("/")
    named = parts[-2] if len(parts) > 1 and parts[-2][:1].isupper() else ""
    return reference.type or named


def is_patient(entity: Entity) -> bool:
    """Whether an entity is a patient: a person in the role of one (DICOM: type 1, role 1), or a FHIR Patient."""
    role, kind = entity.role, entity.type
    said = role is not None and role.code == "1" and (kind is None or kind.code in ("", "1", "Patient"))
    return said or resource_type(entity.what) == "Patient"


def patients(event: AuditEvent) -> list[str]:
    """Return whose records the event is about, each once, in the event's order."""
    found = [local_id(event.patient)] + [local_id(entity.what) for entity in event.entity if is_patient(entity)]
    return [one for one in dict.fromkeys(found) if one]


def users(event: AuditEvent) -> list[str]:
    """Return who took part, those first who asked for it, each once."""
    ordered = sorted(event.agent, key=lambda agent: agent.requestor is not True)
    found = [local_id(agent.who) or agent.alt_id or agent.name for agent in ordered]
    return [one for one in dict.fromkeys(found) if one]
