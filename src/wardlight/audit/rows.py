"""Log records of kind `audit` to entries of the ledger, and entries to rows of the table `logs`.

A record whose body is a DICOM audit message is read as one. Any other is read by its attributes, as the SDK sends them:

| attribute | field of the event |
|---|---|
| `event_name` | `type`: DICOM's Patient Record for `record.access`, Export for `record.export`, else the name itself |
| `event_outcome` | `outcome`: 0 for `success`; 4 for `failure`, as FHIR has it for what is refused or wrong (a status of 400 to 499) |
| `health_action` | `action`, and as FHIR's interaction `subtype` (the event's name where there is no action) |
| `health_purpose` | `purpose` |
| `user_id`, `user_role`, `client_address` | an `agent`, the one who asked for it |
| `patient_id` | an `entity`: a person in the role of a patient |
| `health_record_type`, `health_record_id` | an `entity`: a domain resource; the patient's own record is the patient's entity |
| label `service_name` | `source` |

What the event's fields don't say is in the entry, so that `rows_of` gives the record back as it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from wardlight.audit import dicom, told
from wardlight.audit.event import (
    DCM,
    ENTITY_ROLE,
    ENTITY_TYPE,
    INTERACTION,
    PURPOSE,
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
from wardlight.audit.table import recorded_ns
from wardlight.problems import BadInput
from wardlight.records import KINDS, SCHEMA, Protected, labels_of

LEDGER_INDEX = "ledger_index"
"""The attribute that says which entry of the ledger a row is."""

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_BLANK = "\ufeff \t\r\n"
_TYPES = {
    "record.access": [Concept(coding=[Coding(system=DCM, code="110110", display="Patient Record")])],
    "record.export": [Concept(coding=[Coding(system=DCM, code="110106", display="Export")])],
}
_NAMES = {concepts[0].coding[0].code: name for name, concepts in _TYPES.items()}
_OUTCOMES = {"success": "0", "failure": "4"}
_OUTCOME_NAMES = {code: name for name, code in _OUTCOMES.items()}
_INTERACTIONS = {
    action: [Concept(coding=[Coding(system=INTERACTION, code=code)])]
    for action, code in (("C", "create"), ("R", "read"), ("U", "update"), ("D", "delete"), ("E", "operation"))
}
_PERSON, _SYSTEM_OBJECT = Coding(system=ENTITY_TYPE, code="1"), Coding(system=ENTITY_TYPE, code="2")
_PATIENT, _RESOURCE = Coding(system=ENTITY_ROLE, code="1"), Coding(system=ENTITY_ROLE, code="4")
_NONE: list[Any] = []
# Parts that many events have in common are made once and shared: nothing may change them. Even empty lists are, since
# the garbage collector looks at each.


class Row(NamedTuple):
    """A log record, in the order of `records.SCHEMA`, without its kind."""

    ts: int
    stream: str
    body: str
    severity: int
    trace_id: bytes
    span_id: bytes
    user_id: str
    patient_id: str
    attributes: dict[str, str]


def entries_of(batch: Protected, received_ns: int) -> list[Entry]:
    """Make entries of log records of kind `audit`, in their order; `received_ns` is when they came."""
    return [_message(row, received_ns) if _is_message(row.body) else _record(row, received_ns) for row in _rows(batch)]


def rows_of(entries: Sequence[tuple[int, Entry]]) -> Protected:
    """Make log records of entries, each with its index in the ledger, which becomes the attribute `ledger_index`.

    A log record comes back as it came; of another event the body is a sentence that names neither user nor patient.
    """
    rows = []
    for index, entry in entries:
        row = _came(entry) if entry.format == "log" else Row(*told.row(entry))
        row.attributes[LEDGER_INDEX] = str(index)
        rows.append(row)
    return _batch(rows)


def _rows(batch: Protected) -> Iterator[Row]:
    """Take a batch apart, a column at a time."""
    streams = batch["stream"]
    names = streams.dictionary.to_pylist()
    return map(
        Row,
        batch["ts"].cast(pa.int64()).to_pylist(),
        [names[at] for at in streams.indices.to_pylist()],
        *(_objects(batch[name]) for name in ("body", "severity", "trace_id", "span_id", "user_id", "patient_id")),
        _dictionaries(batch["attributes"]),
    )


def _objects(column: pa.Array) -> list[str]:
    """Turn a column into Python's values; NumPy's way is several times as quick as Arrow's own."""
    values: list[str] = column.to_numpy(zero_copy_only=False).tolist()
    return values


def _dictionaries(column: pa.MapArray) -> Iterator[dict[str, str]]:
    """Turn a column of maps into dictionaries."""
    offsets = (column.offsets.to_numpy() - column.offsets[0].as_py()).tolist()
    held = column.offsets[0].as_py(), offsets[-1]
    keys, values = _objects(column.keys.slice(*held)), _objects(column.items.slice(*held))
    for start, stop in pairwise(offsets):
        yield dict(zip(keys[start:stop], values[start:stop], strict=False))


def _is_message(body: str) -> bool:
    """Whether a line is an audit message in XML."""
    return body[:1] in ("<", *_BLANK) and body.lstrip(_BLANK)[:1] == "<" and "AuditMessage" in body


def _message(row: Row, received_ns: int) -> Entry:
    """Make an entry of an audit message that came over syslog."""
    attributes = row.attributes
    entry = Entry(
        received=received_ns, format="raw", event=AuditEvent(recorded=row.ts), stream=row.stream, original=row.body,
        deviation=["unreadable"], trace_id=_hex(row.trace_id), span_id=_hex(row.span_id), attributes=attributes,
    )  # fmt: skip
    with suppress(BadInput):
        entry.event, entry.deviation, entry.format = dicom.read(row.body)
    of_syslog = attributes.pop("deviation", "")
    if of_syslog and of_syslog not in entry.deviation:
        entry.deviation.append(of_syslog)
    if recorded_ns(entry) != entry.event.recorded and "timestamp" not in entry.deviation:
        entry.deviation.append("timestamp")
    return entry


def _record(row: Row, received_ns: int) -> Entry:
    """Make an entry of any other record."""
    rest = row.attributes
    name, role, address = _taken(rest, "event_name"), _taken(rest, "user_role"), _taken(rest, "client_address")
    kind, record = _taken(rest, "health_record_type"), _taken(rest, "health_record_id")
    outcome, action = _OUTCOMES.get(rest.get("event_outcome", ""), ""), rest.get("health_action", "")
    if outcome:
        del rest["event_outcome"]
    if action in _INTERACTIONS:
        del rest["health_action"]
    else:
        action = ""
    event = AuditEvent(
        recorded=row.ts,
        type=_type(name),
        subtype=_INTERACTIONS.get(action) or _type(name),
        action=action,
        outcome=outcome,
        purpose=_purpose(_taken(rest, "health_purpose")),
        agent=_agent(row.user_id, role, address),
        source=_source(row.stream),
        entity=_entities(row.patient_id, kind, record),
        outcome_detail=_NONE,
        based_on=_NONE,
    )
    return Entry(
        received=received_ns, format="log", event=event, stream=row.stream, body=row.body, severity=row.severity,
        trace_id=_hex(row.trace_id), span_id=_hex(row.span_id), attributes=rest,
    )  # fmt: skip


def _taken(attributes: dict[str, str], name: str) -> str:
    """Take an attribute out; an empty one stays, as it isn't an absent one."""
    value = attributes.get(name, "")
    if value:
        del attributes[name]
    return value


def _hex(identifier: bytes) -> str:
    """Write an identifier of a trace or span; zeros are none."""
    return "" if identifier in (_NO_TRACE, _NO_SPAN) else identifier.hex()


@lru_cache(1024)
def _type(name: str) -> list[Concept]:
    return _TYPES.get(name) or ([Concept(text=name)] if name else [])


@lru_cache(1024)
def _purpose(code: str) -> list[Concept]:
    return [Concept(coding=[Coding(system=PURPOSE, code=code)])] if code else []


@lru_cache(16_384)
def _agent(user: str, role: str, address: str) -> list[Agent]:
    if not (user or role or address):
        return []
    numeric = ":" in address or address.replace(".", "").isdigit()
    return [
        Agent(
            role=[Concept(text=role)] if role else [],
            who=Reference(identifier=Identifier(value=user)) if user else None,
            requestor=True,
            network=address,
            network_type="" if not address else "2" if numeric else "1",
        )
    ]


@lru_cache(4096)
def _source(stream: str) -> Source:
    return Source(observer=Reference(display=labels_of(stream).get("service_name", "unknown_service")))


def _entities(patient: str, kind: str, record: str) -> list[Entity]:
    """Make entities of the patient and of the record."""
    if kind == "Patient" and record == patient and "/" not in record and record:
        return [_entity(Reference(reference="Patient/" + record), _PERSON, _PATIENT)]
    found = []
    if patient:
        found.append(_entity(Reference(identifier=Identifier(value=patient)), _PERSON, _PATIENT))
    if kind or record:
        found.append(_entity(_pointer(kind, record), _SYSTEM_OBJECT, _RESOURCE))
    return found


def _entity(what: Reference, kind: Coding, role: Coding) -> Entity:
    return Entity(what=what, type=kind, role=role, security_label=_NONE, detail=_NONE, agent=_NONE)


def _pointer(kind: str, record: str) -> Reference:
    """Point to a record: `Observation/17` where that can be read back."""
    if record and kind[:1].isupper() and "/" not in kind and "/" not in record:
        return Reference(reference=f"{kind}/{record}")
    return Reference(type=kind, identifier=Identifier(value=record) if record else None)


def _came(entry: Entry) -> Row:
    """Give a log record back as it came."""
    event = entry.event
    attributes = dict(entry.attributes)
    if event.type:
        attributes["event_name"] = event.type[0].text or _NAMES[event.type[0].coding[0].code]
    if event.outcome:
        attributes["event_outcome"] = _OUTCOME_NAMES[event.outcome]
    if event.action:
        attributes["health_action"] = event.action
    if event.purpose:
        attributes["health_purpose"] = event.purpose[0].coding[0].code
    patient = _records_came(event.entity, attributes)
    return Row(
        event.recorded, entry.stream, entry.body, entry.severity, bytes.fromhex(entry.trace_id) or _NO_TRACE,
        bytes.fromhex(entry.span_id) or _NO_SPAN, _agents_came(event.agent, attributes), patient, attributes,
    )  # fmt: skip


def _agents_came(agents: list[Agent], attributes: dict[str, str]) -> str:
    """Give back the user's role and address as attributes; return the user."""
    if not agents:
        return ""
    agent = agents[0]
    if agent.role:
        attributes["user_role"] = agent.role[0].text
    if agent.network:
        attributes["client_address"] = agent.network
    return agent.who.identifier.value if agent.who and agent.who.identifier else ""


def _records_came(entities: list[Entity], attributes: dict[str, str]) -> str:
    """Give back the record as attributes; return the patient."""
    patient = ""
    for entity in entities:
        what = entity.what or Reference()
        kind, _, record = what.reference.partition("/")
        record = what.identifier.value if what.identifier else record
        kind = what.type or kind
        if entity.role == _PATIENT:
            patient = record
        if kind:
            attributes["health_record_type"] = kind
        if record and (kind or entity.role != _PATIENT):
            attributes["health_record_id"] = record
    return patient


def _batch(rows: Sequence[Row]) -> Protected:
    """Build a batch of kind `audit`."""
    ts, stream, body, severity, trace_id, span_id, user_id, patient_id, attributes = _turned(rows)
    columns = [
        pa.array(ts, pa.timestamp("ns")),
        pa.DictionaryArray.from_arrays(pa.array(np.full(len(rows), KINDS.index("audit"), np.int8)), pa.array(KINDS)),
        pa.array(stream, pa.string()).dictionary_encode(),
        pa.array(body, pa.string()),
        pa.array(severity, pa.uint8()),
        pa.array(trace_id, pa.binary(16)),
        pa.array(span_id, pa.binary(8)),
        pa.array(user_id, pa.string()),
        pa.array(patient_id, pa.string()),
        _map(attributes),
    ]
    return Protected(pa.record_batch(columns, schema=SCHEMA))


def _turned(rows: Sequence[Row]) -> Iterator[Sequence[Any]]:
    """Turn rows into columns."""
    return zip(*rows, strict=True) if rows else iter([()] * len(Row._fields))


def _map(dictionaries: Sequence[dict[str, str]]) -> pa.MapArray:
    """Make a column of maps."""
    offsets = np.zeros(len(dictionaries) + 1, np.int32)
    np.cumsum([len(one) for one in dictionaries], out=offsets[1:])
    keys = pa.array([key for one in dictionaries for key in one], pa.string())
    values = pa.array([value for one in dictionaries for value in one.values()], pa.string())
    return pa.MapArray.from_arrays(pa.array(offsets), keys, values)
