"""An event of whatever origin as an AuditEvent of R4 or R5, each field where that version wants it.

What a version lacks is an extension (`names`); only R5's `entity.agent` has no place in R4. What a version demands and
the event lacks: a type is the subtype and the other way round, else `unknown`; who took part or observed is `unknown`;
`requestor` is false; `recorded` is when the event was received. A log record's line is the narrative.
"""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import Any

from wardlight.audit import instants
from wardlight.audit.event import (
    ENTITY_ROLE,
    ENTITY_TYPE,
    Agent,
    AuditEvent,
    Coding,
    Concept,
    Detail,
    Entity,
    Entry,
    Reference,
    Source,
    is_patient,
)
from wardlight.audit.fhir import names
from wardlight.audit.fhir.elements import Version
from wardlight.audit.fhir.parts import words

Json = dict[str, Any]

UNKNOWN = Coding(system="http://terminology.hl7.org/CodeSystem/data-absent-reason", code="unknown", display="Unknown")
_NOBODY = Reference(display="unknown")
_PATIENT_ROLE = Coding(system=ENTITY_ROLE, code="1", display="Patient")
_PERSON = Coding(system=ENTITY_TYPE, code="1", display="Person")


def render(entry: Entry, version: Version) -> Json:
    """Write an entry's event as a resource of a version, without `id` and `meta`."""
    event = _unreadable(entry) if entry.format == "raw" else entry.event
    found = {"resourceType": "AuditEvent", **(_event_r4(event) if version == "r4" else _event_r5(event))}
    found["recorded"] = instants.write(event.recorded or entry.received)
    if entry.body:
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(entry.body)}</div>'
        found["text"] = {"status": "generated", "div": div}
    if entry.attributes:
        pairs = [_extension(name, "String", value) for name, value in entry.attributes.items() if value]
        found.setdefault("extension", []).append({"url": names.ATTRIBUTES, "extension": pairs})
    return found


def _unreadable(entry: Entry) -> AuditEvent:
    original = b64encode(entry.original.encode()).decode()
    return AuditEvent(
        type=[Concept(coding=[Coding(system=names.OURS, code="unreadable", display="Unreadable message")])],
        entity=[Entity(description="what was sent", detail=[Detail(type="original", value=original, binary=True)])],
    )


def _event_r4(event: AuditEvent) -> Json:
    types, subtypes = _codes(event.type), _codes(event.subtype)
    said = "; ".join(filter(None, map(words, event.outcome_detail)))
    return _full(
        extension=[
            *_extensions("Code", {names.SEVERITY: event.severity}),
            *(_extension(names.OUTCOME_DETAIL, "CodeableConcept", _concept(one)) for one in event.outcome_detail),
            *(_extension(names.BASED_ON, "Reference", _reference(one)) for one in event.based_on),
            *_extensions(
                "Reference",
                {names.PATIENT: _reference(event.patient), names.ENCOUNTER: _reference(event.encounter)},
            ),
        ],
        type=(types or subtypes or [_coding(UNKNOWN)])[0],
        subtype=subtypes + types[1:],
        action=event.action,
        period=_full(start=event.start, end=event.end),
        recorded="",
        outcome=event.outcome,
        outcomeDesc=event.outcome_text or said,
        purposeOfEvent=_concepts(event.purpose),
        agent=[_agent_r4(one) for one in event.agent or [Agent(who=_NOBODY)]],
        source=_source(event.source, "r4"),
        entity=[_entity_r4(one) for one in _entities_r4(event)],
    )


def _entities_r4(event: AuditEvent) -> list[Entity]:
    """R4 has a patient among the entities only."""
    if event.patient is None or any(is_patient(one) for one in event.entity):
        return event.entity
    return [Entity(what=event.patient, type=_PERSON, role=_PATIENT_ROLE), *event.entity]


def _event_r5(event: AuditEvent) -> Json:
    said = [words(one) for one in event.outcome_detail]
    new = event.outcome_text not in ("", "; ".join(said), *said)
    detail = _concepts(event.outcome_detail) + ([{"text": event.outcome_text}] if new else [])
    outcome = event.outcome and _full(
        system=names.OUTCOME, code=event.outcome, display=names.OUTCOMES.get(event.outcome, "")
    )
    code = outcome or (_coding(UNKNOWN) if detail else {})
    moment = event.start if event.start == event.end else ""
    patient = event.patient or next((one.what for one in event.entity if is_patient(one)), None)
    return _full(
        category=_concepts(event.type),
        code=_merged(event.subtype or event.type[:1]),
        action=event.action,
        severity=event.severity,
        occurredPeriod={} if moment else _full(start=event.start, end=event.end),
        occurredDateTime=moment,
        recorded="",
        outcome=_full(code=code, detail=detail),
        authorization=_concepts(event.purpose),
        basedOn=[_reference(one) for one in event.based_on],
        patient=_reference(patient),
        encounter=_reference(event.encounter),
        agent=[_agent_r5(one) for one in event.agent or [Agent(who=_NOBODY)]],
        source=_source(event.source, "r5"),
        entity=[_entity_r5(one) for one in event.entity],
    )


def _agent_r4(agent: Agent) -> Json:
    return _full(
        type=_concept(agent.type),
        role=_concepts(agent.role),
        who=_reference(agent.who),
        altId=agent.alt_id,
        name=agent.name,
        requestor=agent.requestor is True,
        location=_reference(agent.location),
        policy=agent.policy,
        media=_coding(agent.media),
        network=_full(address=agent.network, type=agent.network_type),
        purposeOfUse=_concepts(agent.purpose),
    )


def _agent_r5(agent: Agent) -> Json:
    uri = agent.network_type == "5"
    return _full(
        extension=[
            *_extensions("Identifier", {names.ALT_ID: _full(value=agent.alt_id)}),
            *_extensions("String", {names.AGENT_NAME: agent.name}),
            *_extensions("Coding", {names.AGENT_MEDIA: _coding(agent.media)}),
            *_extensions("Code", {names.NETWORK_TYPE: "" if uri else agent.network_type}),
        ],
        type=_concept(agent.type),
        role=_concepts(agent.role),
        who=_shown(agent.who, agent.name or agent.alt_id or agent.network or "unknown", agent.name),
        requestor=agent.requestor,
        location=_reference(agent.location),
        policy=agent.policy,
        networkUri=agent.network if uri else "",
        networkString="" if uri else agent.network,
        authorization=_concepts(agent.purpose),
    )


def _source(source: Source | None, version: Version) -> Json:
    given = source or Source()
    observer = _reference(given.observer or _NOBODY)
    if version == "r4":
        return _full(site=given.site, observer=observer, type=_codes(given.type))
    return _full(site=_full(display=given.site), observer=observer, type=_concepts(given.type))


def _entity_r4(entity: Entity) -> Json:
    """Write an entity; R4's rule sev-1 allows a name or a query, not both."""
    return _full(
        what=_reference(entity.what),
        type=_coding(entity.type),
        role=_coding(entity.role),
        lifecycle=_coding(entity.lifecycle),
        securityLabel=_codes(entity.security_label),
        name="" if entity.query else entity.name,
        description=entity.description or (entity.name if entity.query else ""),
        query=entity.query,
        detail=[{"type": one.type or "unknown", **_value(one)} for one in entity.detail],
    )


def _entity_r5(entity: Entity) -> Json:
    role = entity.role
    named = entity.name or entity.description
    return _full(
        extension=[
            *_extensions(
                "Coding",
                {names.ENTITY_KIND: _coding(entity.type), names.ENTITY_LIFECYCLE: _coding(entity.lifecycle)},
            ),
            *_extensions("String", {names.ENTITY_NAME: entity.name, names.ENTITY_DESCRIPTION: entity.description}),
        ],
        what=_shown(entity.what, named, named),
        role={"coding": [_coding(role)]} if role and role.code else _full(text=role.display if role else ""),
        securityLabel=_concepts(entity.security_label),
        query=entity.query,
        detail=[{"type": {"text": one.type or "unknown"}, **_value(one)} for one in entity.detail],
        agent=[_agent_r5(one) for one in entity.agent],
    )


def _value(detail: Detail) -> Json:
    return {"valueBase64Binary" if detail.binary else "valueString": detail.value}


def _shown(reference: Reference | None, otherwise: str, display: str) -> Json:
    """Write a reference with a display, for readers who don't know the extension that has the name."""
    if reference is None:
        return _full(display=otherwise)
    return {**_reference(reference), **_full(display=reference.display or display)}


def _codes(concepts: list[Concept]) -> list[Json]:
    """Write concepts where a version has codes: all of their codes, or their words as a code's display."""
    found = []
    for concept in concepts:
        found += [_coding(code) for code in concept.coding] or [_full(display=concept.text)]
    return [one for one in found if one]


def _merged(concepts: list[Concept]) -> Json:
    """Write several concepts where a version has one."""
    if len(concepts) == 1 and (concepts[0].coding or concepts[0].text):
        return _concept(concepts[0])
    text = "; ".join(one.text for one in concepts if one.text)
    return _full(coding=[_coding(code) for one in concepts for code in one.coding], text=text) or {
        "coding": [_coding(UNKNOWN)]
    }


def _coding(code: Coding | None) -> Json:
    return _full(system=code.system, code=code.code, display=code.display) if code else {}


def _concept(concept: Concept | None) -> Json:
    return _full(coding=[_coding(code) for code in concept.coding], text=concept.text) if concept else {}


def _concepts(concepts: list[Concept]) -> list[Json]:
    return [found for one in concepts if (found := _concept(one))]


def _reference(reference: Reference | None) -> Json:
    if reference is None:
        return {}
    given = reference.identifier
    identifier = _full(type=_concept(given.type), system=given.system, value=given.value) if given else {}
    return _full(reference=reference.reference, type=reference.type, identifier=identifier, display=reference.display)


def _extension(url: str, kind: str, value: Any) -> Json:
    return {"url": url, "value" + kind: value}


def _extensions(kind: str, values: dict[str, Any]) -> list[Json]:
    return [_extension(url, kind, value) for url, value in values.items() if value]


def _full(**elements: Any) -> Json:
    """Keep what isn't empty: FHIR's JSON has no empty elements. `recorded` keeps its place for `render`."""
    return {name: value for name, value in elements.items() if value not in ("", None, [], {}) or name == "recorded"}
