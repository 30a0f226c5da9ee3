"""Audit events as rows of the table `audit` (`store/schema.py`): one an event, what is asked for in columns of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.audit.event import (
    AuditEvent,
    Coding,
    Concept,
    Entry,
    Reference,
    is_patient,
    local_id,
    resource_type,
)
from wardlight.audit.event import patients as patients_of
from wardlight.audit.event import users as users_of
from wardlight.records import labels_of

_TIME = pa.timestamp("ns", tz="UTC")
_WORDS = pa.list_(pa.string())

SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("idx", pa.uint64()), ("recorded", _TIME), ("received", _TIME), ("patient", pa.string()),
            ("patients", _WORDS), ("user", pa.string()), ("users", _WORDS), ("types", _WORDS), ("subtypes", _WORDS),
            ("action", pa.string()), ("outcome", pa.string()), ("purposes", _WORDS), ("resource", pa.string()),
            ("record", pa.string()), ("addresses", _WORDS), ("agents", _WORDS), ("entities", _WORDS),
            ("sources", _WORDS), ("entity_types", _WORDS), ("entity_roles", _WORDS), ("service", pa.string()),
            ("format", pa.string()), ("deviation", _WORDS), ("key", pa.string()), ("at", pa.uint32()),
            ("entry", pa.string()),
        )
    ]
)  # fmt: skip
"""Columns, in the table's order.

`idx` is the event's index in the ledger; `patient` and `user` are the first of `patients` and `users` (`event.py`).
Codes are `system|code`; those of `entity_types` and `entity_roles` stand there bare as well, those of `purposes` only
bare. `agents`, `entities` and `sources` have everything by which one may be asked for: `system|value` of an identifier,
the bare value, the last part of a reference, a name. `record` and its type `resource` are what was acted on: the first
entity that isn't the patient, else the patient. `entry` is the canonical form.
"""

TIMESTAMP = "timestamp"
"""The deviation of an event whose sender's time can't be: in `recorded` it has the time at which it came."""
_EARLIEST_NS = 31_536_000_000_000_000
"""1971: what is before it was meant in another unit."""
_AHEAD_NS = 3_600_000_000_000
"""How far a sender's clock may be ahead of ours."""

_encode = msgspec.json.Encoder().encode


def batch(entries: Sequence[tuple[int, Entry]]) -> pa.RecordBatch:
    """Write entries, each with its index in the ledger, as rows of `SCHEMA`."""
    all_ = [entry for _, entry in entries]
    events = [entry.event for entry in all_]
    patients, users = _lists(map(patients_of, events)), _lists(map(users_of, events))
    recorded = [recorded_ns(entry) for entry in all_]
    acted = [acted_on(event) for event in events]
    columns = (
        [index for index, _ in entries], _times(recorded), _times([entry.received for entry in all_]),
        _first(patients), patients, _first(users), users, _lists(_codes(event.type) for event in events),
        _lists(_codes(event.subtype) for event in events), [event.action for event in events],
        [event.outcome for event in events], _lists(map(purposes_of, events)), [kind for kind, _ in acted],
        [name for _, name in acted], _lists(map(_addresses, events)), _lists(map(_agents, events)),
        _lists(map(_entities, events)), _lists(map(_sources, events)),
        _lists(_both([one.type for one in event.entity]) for event in events),
        _lists(_both([one.role for one in event.entity]) for event in events), list(map(service_of, all_)),
        [entry.format for entry in all_], _lists(map(_deviation, all_, recorded)), [entry.key for entry in all_],
        [entry.at for entry in all_], list(map(_encode, all_)),
    )  # fmt: skip
    arrays = [
        one if isinstance(one, pa.Array) else pa.array(one, field.type)
        for one, field in zip(columns, SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def recorded_ns(entry: Entry) -> int:
    """Say when an event was recorded, nanoseconds since 1970; when it came, if what the sender says can't be."""
    said = entry.event.recorded
    return said if _EARLIEST_NS <= said <= entry.received + _AHEAD_NS else entry.received


def _times(values: Sequence[int]) -> pa.Array:
    return pa.array(values, pa.int64()).cast(_TIME)


def _lists(values: Iterable[Sequence[str]]) -> pa.Array:
    """Make a column of lists from all their words at once; no list outlives its turn, which spares the collector."""
    offsets = [0]
    words: list[str] = []
    for one in values:
        words += one
        offsets.append(len(words))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(words, pa.string()))


def _first(lists: pa.Array) -> pa.Array:
    """Take each list's first word, or nothing."""
    starts = lists.offsets.slice(0, len(lists))
    starts = pc.if_else(pc.equal(pc.list_value_length(lists), 0), None, starts)
    return pc.fill_null(lists.values.take(starts), "")


def _deviation(entry: Entry, recorded: int) -> list[str]:
    known = recorded == entry.event.recorded or TIMESTAMP in entry.deviation
    return entry.deviation if known else [*entry.deviation, TIMESTAMP]


def _codes(concepts: Iterable[Concept]) -> list[str]:
    return [f"{one.system}|{one.code}" for concept in concepts for one in concept.coding if one.code]


def _both(codings: Iterable[Coding | None]) -> list[str]:
    """Write codes with their system and bare, each once."""
    found: dict[str, None] = {}
    for one in codings:
        if one is not None and one.code:
            found[f"{one.system}|{one.code}"] = found[one.code] = None
    return list(found)


def purposes_of(event: AuditEvent) -> list[str]:
    """Return the codes of an event's and its agents' purposes of use, each once."""
    concepts = event.purpose
    for agent in event.agent:
        if agent.purpose:
            concepts = [*concepts, *agent.purpose]
    return list(dict.fromkeys(one.code for concept in concepts for one in concept.coding if one.code))


def acted_on(event: AuditEvent) -> tuple[str, str]:
    """Find the type and name of what was acted on."""
    patient = ("Patient", local_id(event.patient)) if event.patient is not None else ("", "")
    for entity in event.entity:
        if is_patient(entity):
            patient = patient if patient[0] else ("Patient", local_id(entity.what))
        elif kind := resource_type(entity.what):
            return kind, local_id(entity.what)
    return patient


def _addresses(event: AuditEvent) -> list[str]:
    return [agent.network for agent in event.agent if agent.network]


def _agents(event: AuditEvent) -> list[str]:
    found: list[str] = []
    for agent in event.agent:
        _name(agent.who, found)
        found += (agent.alt_id, agent.name)
    return _each_once(found)


def _entities(event: AuditEvent) -> list[str]:
    found: list[str] = []
    _name(event.patient, found)
    for entity in event.entity:
        _name(entity.what, found)
        found.append(entity.name)
    return _each_once(found)


def _sources(event: AuditEvent) -> list[str]:
    found: list[str] = []
    if event.source is not None:
        _name(event.source.observer, found)
        found.append(event.source.site)
    return _each_once(found)


def _name(reference: Reference | None, found: list[str]) -> None:
    """Add everything by which a reference may be asked for."""
    if reference is None:
        return
    one = reference.identifier
    if one is not None and one.value:
        if one.system:
            found.append(f"{one.system}|{one.value}")
        found.append(one.value)
    if reference.reference:
        found += (reference.reference, reference.reference.partition("/_history/")[0].rpartition("/")[2])
    found.append(reference.display)


def _each_once(words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word]


def service_of(entry: Entry) -> str:
    """Name who reported: the service of a log record, else the source's site or identifier."""
    named = _service_name(entry.stream) if entry.stream else ""
    source = entry.event.source
    if named or source is None:
        return named
    return source.site or local_id(source.observer)


@lru_cache(4096)
def _service_name(stream: str) -> str:
    return labels_of(stream).get("service_name", "")
