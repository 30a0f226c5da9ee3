"""DICOM's audit message (PS3.15 A.5), as IHE ATNA sends it, and its forerunner RFC 3881, to our model.

What strays is read as far as it can be and said: `DEVIATIONS` has the words. A field that isn't understood is left out
of the event; the original keeps it.
"""

from __future__ import annotations

import base64
import binascii
import re
from xml.etree.ElementTree import Element

from wardlight.audit import codes, instants, xml
from wardlight.audit.event import (
    DCM,
    ENTITY_ROLE,
    ENTITY_TYPE,
    Agent,
    AuditEvent,
    Coding,
    Concept,
    Detail,
    Entity,
    Format,
    Identifier,
    Reference,
    Source,
    is_patient,
)  # fmt: skip
from wardlight.problems import BadInput

DEVIATIONS = {
    "truncated": "the XML ends in the middle, as long datagrams do; what stands before is read",
    "malformed": "the XML has a fault; what stands before it is read",
    "event_id": "there is no EventID, or one without a code of its system; DICOM's own names are read in place of codes",
    "event_type": "the EventID holds a code for an EventTypeCode, such as 110122 (Login) where 110114 belongs",
    "action": "EventActionCode isn't C, R, U, D or E",
    "timestamp": "EventDateTime isn't there or isn't a time",
    "timezone": "EventDateTime has no zone and was read as UTC",
    "outcome": "EventOutcomeIndicator isn't there or isn't 0, 4, 8 or 12: how the event went is unknown",
    "participant": "there is no ActiveParticipant, or one without a UserID",
    "source": "there is no AuditSourceIdentification, or one without an AuditSourceID",
    "rfc3881": "codes are written as in RFC 3881 (`code`) and not as in DICOM (`csd-code`)",
    "base64": "a query or a detail isn't base64",
    "unknown_element": "there is an element that neither DICOM nor RFC 3881 has",
}
"""What can be wrong with a message, and what it means."""

_OUTCOMES = ("0", "4", "8", "12")
_OID = re.compile(r"[0-2](?:\.\d+)+", re.ASCII)
_BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,8};)")
_DICOM_PARTS = {
    "MPPS": "UID", "Accession": "Number", "SOPClass": "UID", "Instance": "UID", "StudyIDs": "UID",
    "Encrypted": "", "Anonymized": "", "ParticipantObjectContainsStudy": "",
}  # fmt: skip
"""Elements that describe DICOM objects, and the attribute that holds their value; the text if there is none."""


def read(text: str) -> tuple[AuditEvent, list[str], Format]:
    """Read a message; return the event, its deviations and what it is. Raises BadInput where it is no such message.

    A byte order mark or text before the XML is passed over; XML that is cut off or has a fault is read up to there.
    """
    starts = (text.find(mark) for mark in ("<?xml", "<!DOCTYPE", "<AuditMessage", "<"))
    document = text[next((start for start in starts if start >= 0), 0) :]
    root, fault = xml.salvage(document)
    if fault == "malformed" and (mended := _BARE_AMPERSAND.sub("&amp;", document)) != document:
        # Identifiers of HL7 v2 have ampersands, and some senders don't escape them.
        root, _ = xml.salvage(mended)
    if _name(root) != "AuditMessage":
        raise BadInput("the XML isn't an AuditMessage")
    reading = _Reading([fault] if fault else [])
    event = reading.event(root)
    return event, reading.deviations, "rfc3881+xml" if reading.rfc3881 else "dicom+xml"


class _Reading:
    """One message being read."""

    def __init__(self, deviations: list[str]) -> None:
        self.deviations = deviations
        self.rfc3881 = False

    def stray(self, word: str, applies: bool = True) -> None:
        """Note a deviation, once."""
        if applies and word not in self.deviations:
            self.deviations.append(word)

    def event(self, root: Element) -> AuditEvent:
        """Read the message."""
        parts = self.children(
            root, "EventIdentification", "ActiveParticipant", "AuditSourceIdentification",
            "ParticipantObjectIdentification",
        )  # fmt: skip
        identification, participants, sources, objects = parts
        whole = not self.deviations
        event = self.identified(identification[0]) if identification else AuditEvent()
        self.stray("event_id", not identification)
        event.agent = [self.agent(element) for element in participants]
        self.stray("participant", (whole and not participants) or any(agent.who is None for agent in event.agent))
        event.source = self.source(sources[0]) if sources else None
        self.stray("source", whole and (event.source is None or event.source.observer is None))
        event.entity = [self.entity(element) for element in objects]
        return event

    def children(self, parent: Element, *names: str) -> list[list[Element]]:
        """Return the children of these names, in lists of their own; another is a deviation."""
        found: dict[str, list[Element]] = {name: [] for name in names}
        for child in parent:
            if (name := _name(child)) in found:
                found[name].append(child)
            else:
                self.stray("unknown_element")
        return list(found.values())

    def identified(self, element: Element) -> AuditEvent:
        """Read EventIdentification."""
        ids, types, descriptions, purposes = self.children(
            element, "EventID", "EventTypeCode", "EventOutcomeDescription", "PurposeOfUse"
        )
        self.rfc3881 = any("code" in one.attrib and "csd-code" not in one.attrib for one in ids)
        action, outcome = _get(element, "EventActionCode").upper(), _get(element, "EventOutcomeIndicator")
        self.stray("action", action not in ("", "C", "R", "U", "D", "E"))
        self.stray("outcome", outcome not in _OUTCOMES)
        return AuditEvent(
            recorded=self.recorded(_get(element, "EventDateTime")),
            type=self.event_ids(ids),
            subtype=[self.concept(one) for one in types],
            action=action if action in ("C", "R", "U", "D", "E") else "",
            outcome=outcome if outcome in _OUTCOMES else "",
            outcome_text="\n".join(filter(None, map(_text, descriptions))),
            purpose=[self.concept(one) for one in purposes],
        )

    def recorded(self, written: str) -> int:
        """Read EventDateTime, nanoseconds since 1970; 0 if it can't be."""
        found = instants.parse(written)
        self.stray("timestamp", found is None)
        self.stray("timezone", found is not None and not instants.has_zone(written))
        return found or 0

    def event_ids(self, elements: list[Element]) -> list[Concept]:
        """Read EventID; OpenEMR writes a placeholder for the code, and says which event it is in words only."""
        found = [self.concept(element) for element in elements]
        for coding in (one for concept in found for one in concept.coding):
            if coding.system == DCM and not coding.code.isdigit() and coding.display in _CODES_BY_NAME:
                coding.code = _CODES_BY_NAME[coding.display]
                self.stray("event_id")
            self.stray("event_type", coding.code in codes.EVENT_TYPES and coding.system in (DCM, ""))
        self.stray("event_id", not any(coding.code for concept in found for coding in concept.coding))
        return found

    def agent(self, element: Element) -> Agent:
        """Read ActiveParticipant. A role of DICOM's, such as source or destination, is FHIR's type of the agent."""
        roles, media = self.children(element, "RoleIDCode", "MediaIdentifier")
        concepts = [self.concept(role) for role in roles]
        kind = next((one for one in concepts if one.coding and one.coding[0].system == DCM), None)
        types = [self.coding(one) for holder in media for one in holder if _name(one) == "MediaType"]
        user, said = _get(element, "UserID"), _get(element, "UserIsRequestor").lower()
        # RFC 3881 has a default, DICOM requires that it is said.
        requestor = {"true": True, "1": True, "false": False, "0": False}.get(said, True if self.rfc3881 else None)
        return Agent(
            type=kind,
            role=[one for one in concepts if one is not kind],
            who=Reference(identifier=Identifier(value=user)) if user else None,
            alt_id=_get(element, "AlternativeUserID"),
            name=_get(element, "UserName"),
            requestor=requestor,
            media=types[0] if types else None,
            network=_get(element, "NetworkAccessPointID"),
            network_type=_get(element, "NetworkAccessPointTypeCode"),
        )

    def source(self, element: Element) -> Source:
        """Read AuditSourceIdentification; DICOM has the type as attributes, RFC 3881 as elements."""
        (elements,) = self.children(element, "AuditSourceTypeCode")
        own = [element] if _get(element, "code") or _get(element, "csd-code") else []
        source = _get(element, "AuditSourceID")
        return Source(
            site=_get(element, "AuditEnterpriseSiteID"),
            observer=Reference(identifier=Identifier(value=source)) if source else None,
            type=[_in_system(self.concept(one), codes.SOURCE_TYPE) for one in own + elements],
        )

    def entity(self, element: Element) -> Entity:
        """Read ParticipantObjectIdentification."""
        id_types, names, queries, details, descriptions, *described = self.children(
            element, "ParticipantObjectIDTypeCode", "ParticipantObjectName", "ParticipantObjectQuery",
            "ParticipantObjectDetail", "ParticipantObjectDescription", *_DICOM_PARTS,
        )  # fmt: skip
        sensitivity = _get(element, "ParticipantObjectSensitivity") or _get(element, "ParticipantObjectSensistity")
        of_dicom = [one for elements in described for one in elements]
        found = Entity(
            type=_plain(element, "ParticipantObjectTypeCode", ENTITY_TYPE),
            role=_plain(element, "ParticipantObjectTypeCodeRole", ENTITY_ROLE),
            lifecycle=_plain(element, "ParticipantObjectDataLifeCycle", codes.LIFECYCLE),
            security_label=[Concept(text=sensitivity)] if sensitivity else [],
            name=_text(names[0]) if names else "",
            description="\n".join(filter(None, map(_text, descriptions))),
            query=self.query(queries),
            detail=[self.detail(one) for one in details]
            + [part for one in [*descriptions, *of_dicom] for part in self.described(one)],
        )
        kind = self.concept(id_types[0]) if id_types else None
        found.what = _what(_get(element, "ParticipantObjectID"), kind, patient=is_patient(found))
        return found

    def query(self, elements: list[Element]) -> str:
        """Read ParticipantObjectQuery as base64."""
        sent = "".join("".join(element.itertext()) for element in elements)
        packed = "".join(sent.split())
        if _is_base64(packed):
            return packed
        self.stray("base64")
        return base64.b64encode(sent.encode(errors="replace")).decode()

    def detail(self, element: Element) -> Detail:
        """Read ParticipantObjectDetail."""
        value = _get(element, "value")
        self.stray("base64", not _is_base64(value))
        return Detail(type=_get(element, "type"), value=value, binary=bool(value) and _is_base64(value))

    def described(self, element: Element) -> list[Detail]:
        """Read the elements that describe DICOM objects: studies, instances, accession numbers."""
        found = []
        for one in element.iter():
            name = _name(one)
            if name in _DICOM_PARTS:
                value = _get(one, _DICOM_PARTS[name]) or _text(one)
                found += [Detail(type=name, value=value)] if value else []
                count = _get(one, "NumberOfInstances")
                found += [Detail(type="NumberOfInstances", value=count)] if count else []
            elif one is not element:
                self.stray("unknown_element")
        return found

    def coding(self, element: Element) -> Coding:
        """Read a coded value."""
        code = _get(element, "csd-code") or _get(element, "code")
        # The source's type is in an attribute `code` in DICOM too, or plain text in an element.
        self.stray("rfc3881", "csd-code" not in element.attrib and "code" in element.attrib and _is_coded(element))
        name = _get(element, "codeSystemName") or _get(element, "codeSystem")
        system = codes.SYSTEMS.get(name.upper()) or ("urn:oid:" + name if _OID.fullmatch(name) else name)
        display = _get(element, "displayName") or _get(element, "originalText")
        return Coding(system=system, code=code or _text(element), display=display)

    def concept(self, element: Element) -> Concept:
        """Read a coded value; what the sender's own words for it were is its text."""
        coding, original = self.coding(element), _get(element, "originalText")
        text = original if original != coding.display else ""
        return Concept(coding=[coding] if coding != Coding() else [], text=text)


_CODES_BY_NAME = {name: code for code, name in (codes.EVENTS | codes.EVENT_TYPES).items()}


def _name(element: Element) -> str:
    """An element's name; senders differ in whether it has a namespace."""
    return element.tag.rpartition("}")[2]


def _get(element: Element, name: str) -> str:
    return element.get(name, "").strip()


def _text(element: Element) -> str:
    return (element.text or "").strip()


def _is_coded(element: Element) -> bool:
    return _name(element) not in ("AuditSourceIdentification", "AuditSourceTypeCode")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _plain(element: Element, name: str, system: str) -> Coding | None:
    """Read an attribute that is a code."""
    code = _get(element, name)
    return Coding(system=system, code=code) if code else None


def _in_system(concept: Concept, system: str) -> Concept:
    """Say the system of a code that has none."""
    for coding in concept.coding:
        coding.system = coding.system or system
    return concept


def _what(sent: str, kind: Concept | None, *, patient: bool) -> Reference | None:
    """Read ParticipantObjectID; a patient's may be HL7 v2's CX, `17^^^WARD&1.2.3&ISO`: identifier and its authority."""
    if not sent:
        return None
    if not patient:
        return Reference(identifier=Identifier(value=sent, type=kind))
    value, *rest = sent.split("^")
    authority = (rest[2] if len(rest) > 2 else "").split("&")
    universal = authority[1] if len(authority) > 1 else ""
    oid = "urn:oid:" + universal if _OID.fullmatch(universal) else ""
    return Reference(
        type="Patient",
        identifier=Identifier(system=oid, value=value or sent, type=kind),
        display=sent if rest else "",
    )
