"""What an audit event is as a row: everything by which it may be asked for is in a column."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import NOW

from wardlight.audit.event import (
    ENTITY_ROLE,
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
    decode,
)
from wardlight.audit.table import SCHEMA, batch
from wardlight.store.embedded import EmbeddedStore

HOUR = 3_600_000_000_000
PATIENT = Entity(
    what=Reference(reference="http://ehr/fhir/Patient/17/_history/2", display="A. Patient"),
    role=Coding(system=ENTITY_ROLE, code="1"),
)


def row(event: AuditEvent, **rest: Any) -> dict[str, Any]:
    entry = Entry(received=NOW, format="fhir-r4+json", event=event, **rest)
    (found,) = batch([(4711, entry)]).to_pylist()
    assert decode(found["entry"].encode()) == entry
    return found  # type: ignore[no-any-return]


def concept(code: str, system: str = "s") -> Concept:
    return Concept(coding=[Coding(system=system, code=code)])


def test_every_column_comes_back_from_the_engine(store: EmbeddedStore) -> None:
    store.manage("TRUNCATE TABLE audit")
    event = AuditEvent(recorded=NOW, type=[concept("rest")], agent=[Agent(alt_id="it's \\")], entity=[PATIENT])
    rows = batch([(7, Entry(received=NOW, format="own", event=event, key="k", at=3)), (8, Entry(NOW, "raw", event))])
    store.insert([rows], table="audit")
    found = store.select(f"SELECT {', '.join(SCHEMA.names)} FROM audit ORDER BY idx")
    assert found.cast(SCHEMA).to_pylist() == rows.to_pylist()


def test_no_events_are_no_rows() -> None:
    assert batch([]).num_rows == 0


def test_index_times_key_and_number() -> None:
    found = row(AuditEvent(recorded=NOW - 5), key="ab", at=2)
    assert (found["idx"], found["recorded"].value, found["received"].value) == (4711, NOW - 5, NOW)
    assert (found["key"], found["at"], found["format"], found["deviation"]) == ("ab", 2, "fhir-r4+json", [])


@pytest.mark.parametrize("said", [0, -1, NOW // 1000, NOW + HOUR + 1])
def test_a_time_that_cant_be_is_replaced_by_that_of_receipt(said: int) -> None:
    found = row(AuditEvent(recorded=said), deviation=["odd"])
    assert found["recorded"].value == NOW
    assert found["deviation"] == ["odd", "timestamp"]
    assert row(AuditEvent(recorded=said), deviation=["timestamp"])["deviation"] == ["timestamp"]


def test_patients_and_users_the_first_by_themselves() -> None:
    asked = Agent(who=Reference(reference="Practitioner/ann"), requestor=True)
    other = Entity(what=Reference(reference="Patient/18"))
    found = row(AuditEvent(agent=[Agent(alt_id="app"), asked], entity=[PATIENT, other]))
    assert (found["patient"], found["patients"]) == ("17", ["17", "18"])
    assert (found["user"], found["users"]) == ("ann", ["ann", "app"])
    none = row(AuditEvent())
    assert (none["patient"], none["patients"], none["user"], none["users"]) == ("", [], "", [])


def test_codes_have_their_system_and_purposes_are_bare() -> None:
    event = AuditEvent(
        type=[concept("rest")], subtype=[concept("read"), Concept(text="words")], purpose=[concept("TREAT", PURPOSE)],
        agent=[Agent(purpose=[concept("ETREAT", PURPOSE), concept("TREAT", PURPOSE)])],
    )  # fmt: skip
    found = row(event)
    assert (found["types"], found["subtypes"], found["purposes"]) == (["s|rest"], ["s|read"], ["TREAT", "ETREAT"])


def test_entities_types_and_roles_with_system_and_bare() -> None:
    entity = Entity(type=Coding(system="t", code="2"), role=Coding(code="4"))
    found = row(AuditEvent(entity=[entity, entity]))
    assert (found["entity_types"], found["entity_roles"]) == (["t|2", "2"], ["|4", "4"])


def test_what_was_acted_on_is_the_first_entity_that_isnt_the_patient() -> None:
    record = Entity(what=Reference(reference="Observation/5"))
    assert acted_on([PATIENT, Entity(name="no type"), record]) == ("Observation", "5")
    assert acted_on([PATIENT]) == ("Patient", "17")
    assert acted_on([]) == ("", "")
    named = row(AuditEvent(patient=Reference(reference="Patient/3")))
    assert (named["resource"], named["record"]) == ("Patient", "3")


def acted_on(entities: list[Entity]) -> tuple[str, str]:
    found = row(AuditEvent(entity=entities))
    return found["resource"], found["record"]


def test_everything_by_which_somebody_or_something_may_be_asked_for() -> None:
    who = Reference(identifier=Identifier(system="urn:oid:1", value="ann"), display="Dr. Ann")
    event = AuditEvent(
        agent=[Agent(who=who, alt_id="a1", name="Ann", network="10.0.0.1"), Agent(network="ward-3")],
        entity=[PATIENT],
        source=Source(site="ward", observer=Reference(identifier=Identifier(value="ehr"))),
    )
    found = row(event)
    assert found["agents"] == ["urn:oid:1|ann", "ann", "Dr. Ann", "a1", "Ann"]
    assert found["entities"] == ["http://ehr/fhir/Patient/17/_history/2", "17", "A. Patient"]
    assert found["sources"] == ["ehr", "ward"]
    assert found["addresses"] == ["10.0.0.1", "ward-3"]


def test_the_service_is_that_of_the_stream_else_the_source() -> None:
    source = Source(observer=Reference(display="ehr"))
    assert row(AuditEvent(source=source), stream='{"service_name":"gateway"}')["service"] == "gateway"
    assert row(AuditEvent(source=source), stream="{}")["service"] == "ehr"
    assert row(AuditEvent(source=Source(site="ward", observer=Reference(display="ehr"))))["service"] == "ward"
    assert row(AuditEvent())["service"] == ""
