"""Log records of kind audit become entries and come back as they were; other events become rows that name nobody."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.test_dicom import ALL, ARCHIVE, FOLDER, RFC_3881, datagram, real

from wardlight.audit import rows
from wardlight.audit.event import (
    DCM,
    INTERACTION,
    PURPOSE,
    AuditEvent,
    Coding,
    Concept,
    Entity,
    Entry,
    Identifier,
    Reference,
    Source,
    decode,
    encode,
    patients,
    resource_type,
    users,
)
from wardlight.records import SCHEMA, Decoded, labels_of, stream_of

NOW = 1_767_225_600_000_000_000
LATER = NOW + 86_400 * 10**9
SDK = {
    "event_name": "record.access", "event_outcome": "success", "health_action": "R", "health_record_type": "Observation",
    "health_record_id": "o1", "health_purpose": "TREAT", "user_role": "nurse", "session_id": "4f1c",
    "client_address": "192.0.2.7", "user_agent_original": "Firefox",
}  # fmt: skip
"""Attributes of a record as the SDK sends it."""


def record(body: str = "Observation read", attributes: dict[str, str] = SDK, **more: Any) -> dict[str, Any]:
    """A log record of kind audit."""
    labels = {"host_name": "app-1", "kind": "audit", "level": "info", "service_name": "portal"}
    return {
        "ts": NOW, "kind": "audit", "stream": stream_of(labels), "body": body, "severity": 9,
        "trace_id": bytes(range(16)), "span_id": bytes(range(8)), "user_id": "u1", "patient_id": "p1",
        "attributes": list(attributes.items()), **more,
    }  # fmt: skip


def batch(*records: dict[str, Any]) -> Decoded:
    return Decoded(pa.RecordBatch.from_pylist(list(records), schema=SCHEMA))


def entry(*arguments: Any, **more: Any) -> Entry:
    (found,) = rows.entries_of(batch(record(*arguments, **more)), LATER)
    return found


def plain(of: Decoded) -> list[dict[str, Any]]:
    return [row | {"attributes": dict(row["attributes"]), "ts": row["ts"].value} for row in of.to_pylist()]


def back(*entries: Entry) -> list[dict[str, Any]]:
    """Rows of entries, by way of the ledger."""
    return plain(rows.rows_of([(100 + at, decode(encode(one))) for at, one in enumerate(entries)]))


def codes(concepts: list[Concept]) -> list[tuple[str, str]]:
    return [(one.system, one.code) for concept in concepts for one in concept.coding]


def test_an_access_that_the_sdk_reports_is_an_event() -> None:
    found = entry()
    event = found.event
    assert (found.format, found.received, event.recorded) == ("log", LATER, NOW)
    assert (codes(event.type), codes(event.subtype)) == ([(DCM, "110110")], [(INTERACTION, "read")])
    assert (event.action, event.outcome, codes(event.purpose)) == ("R", "0", [(PURPOSE, "TREAT")])
    assert (users(event), patients(event)) == (["u1"], ["p1"])
    (agent,) = event.agent
    assert (agent.requestor, agent.role[0].text, agent.network, agent.network_type) == (
        True,
        "nurse",
        "192.0.2.7",
        "2",
    )
    assert event.source == Source(observer=Reference(display="portal"))
    assert event.entity[1].what == Reference(reference="Observation/o1")


def test_what_the_event_does_not_say_stays_with_the_entry() -> None:
    found = entry()
    assert found.attributes == {"session_id": "4f1c", "user_agent_original": "Firefox"}
    assert (found.body, found.severity, found.trace_id) == ("Observation read", 9, bytes(range(16)).hex())


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"event_name": "record.export"}, "type", [Concept(coding=[Coding(system=DCM, code="110106", display="Export")])]),
        ({"event_name": "record.print"}, "type", [Concept(text="record.print")]),
        ({"event_name": "x", "health_action": ""}, "subtype", [Concept(text="x")]),
        ({"event_outcome": "failure"}, "outcome", "4"),
        ({"event_outcome": "who knows"}, "outcome", ""),
        ({"health_action": "read"}, "action", ""),
    ],
)  # fmt: skip
def test_attributes_become_fields(changes: dict[str, str], field: str, value: Any) -> None:
    assert getattr(entry(attributes=SDK | changes).event, field) == value


@pytest.mark.parametrize(
    ("kind", "number", "what"),
    [
        ("Observation", "", Reference(type="Observation")),
        ("", "o1", Reference(identifier=Identifier(value="o1"))),
        ("Observation", "a/b", Reference(type="Observation", identifier=Identifier(value="a/b"))),
        ("invoice", "7", Reference(type="invoice", identifier=Identifier(value="7"))),
    ],
)
def test_a_record_may_have_any_name(kind: str, number: str, what: Reference) -> None:
    event = entry(attributes={"health_record_type": kind, "health_record_id": number}).event
    assert event.entity[1].what == what
    assert (patients(event), resource_type(event.entity[1].what)) == (["p1"], kind)


def test_the_patients_own_record_is_the_patient() -> None:
    event = entry(attributes=SDK | {"health_record_type": "Patient", "health_record_id": "p1"}).event
    assert ([one.what for one in event.entity], patients(event)) == ([Reference(reference="Patient/p1")], ["p1"])


def test_a_record_comes_back_as_it_came_with_its_place_in_the_ledger() -> None:
    (row,) = back(entry())
    assert row["attributes"].pop("ledger_index") == "100"
    assert row == plain(batch(record()))[0]


texts = st.text(alphabet=st.sampled_from("aP/^|.:-_ü <"), max_size=5)
attributes = st.dictionaries(st.sampled_from([*SDK, "deviation", "more"]), texts, max_size=8).map(
    lambda found: {name: SDK.get(name, value) if value == "a" else value for name, value in found.items()}
)
records = st.builds(
    record, texts, attributes, user_id=texts, patient_id=st.one_of(texts, st.just("o1")),
    severity=st.integers(0, 24), trace_id=st.binary(min_size=16, max_size=16), ts=st.integers(0, 2**62),
)  # fmt: skip


@given(st.lists(records, max_size=5), st.integers(0, 3))
def test_any_record_comes_back(sent: list[dict[str, Any]], start: int) -> None:
    given_batch = Decoded(batch(*sent).slice(min(start, len(sent))))
    found = back(*rows.entries_of(given_batch, NOW))
    assert [int(row["attributes"].pop("ledger_index")) for row in found] == list(range(100, 100 + len(found)))
    assert found == plain(given_batch)


def test_rows_have_the_columns_of_records() -> None:
    assert rows.rows_of([]).schema == SCHEMA
    assert rows.rows_of([(1, entry())]).schema == SCHEMA


FROM_SYSLOG = {"facility": "authpriv", "msgid": "IHE+RFC-3881", "deviation": "too_long"}


def test_an_audit_message_over_syslog_is_read() -> None:
    found = entry("\ufeff \n" + ALL, FROM_SYSLOG, user_id="", patient_id="")
    assert (found.format, found.deviation, found.body) == ("dicom+xml", ["too_long"], "")
    assert found.original == "\ufeff \n" + ALL
    assert (patients(found.event), found.attributes) == (["17"], {"facility": "authpriv", "msgid": "IHE+RFC-3881"})
    assert entry(RFC_3881[RFC_3881.index("<?xml") :], FROM_SYSLOG).format == "rfc3881+xml"


def test_a_message_that_can_not_be_read_is_kept_as_it_is() -> None:
    found = entry("<AuditMessage", FROM_SYSLOG)
    assert (found.format, found.original, found.event.recorded) == ("raw", "<AuditMessage", NOW)
    assert found.deviation == ["unreadable", "too_long"]


def test_a_time_that_can_not_be_is_said() -> None:
    assert entry(ALL.replace("2026-01-01", "1900-01-01"), {}).deviation == ["timestamp"]
    assert entry(ALL.replace("2026-01-01", "2096-01-01"), {}).deviation == ["timestamp"]


def test_a_message_becomes_a_row_that_names_nobody_in_its_line() -> None:
    (row,) = back(entry(ALL, FROM_SYSLOG))
    assert row["body"] == "Query: Registry Stored Query (failed)"
    assert (row["user_id"], row["patient_id"], row["severity"]) == ("consumer", "17", 13)
    assert labels_of(row["stream"]) == {
        "host_name": "app-1",
        "kind": "audit",
        "level": "warn",
        "service_name": "portal",
    }
    assert row["attributes"] == {
        "facility": "authpriv", "msgid": "IHE+RFC-3881", "event_name": "query", "event_outcome": "failure",
        "health_action": "R", "health_record_type": "Patient", "health_record_id": "17", "health_purpose": "ETREAT",
        "user_role": "nurse", "client_address": "192.0.2.7", "audit_format": "dicom+xml", "deviation": "too_long",
        "ledger_index": "100",
    }  # fmt: skip


def of_fhir(**fields: Any) -> Entry:
    patient = Entity(what=Reference(reference="Patient/p1", display="Jane Roe"))
    event = AuditEvent(**{"recorded": NOW, "entity": [patient], "action": "R", **fields})
    return Entry(received=NOW, format="fhir-r4+json", event=event)


READ = [Concept(coding=[Coding(system=INTERACTION, code="read", display="read")])]


@pytest.mark.parametrize(
    ("one", "body", "name"),
    [
        (of_fhir(subtype=READ), "Patient read", "record.access"),
        (of_fhir(subtype=READ, outcome="8"), "Patient read (failed)", "record.access"),
        (of_fhir(subtype=READ, action="E"), "read", "record.access"),
        (of_fhir(type=[Concept(text="Disclosure")]), "Disclosure", "disclosure"),
        (of_fhir(), "Audit event", None),
        (entry(ARCHIVE, {}), "Login", "user.login"),
        (entry("<AuditMessage", {}), "Audit event that can't be read", None),
    ],
)
def test_the_line_says_what_happened(one: Entry, body: str, name: str | None) -> None:
    (row,) = back(one)
    assert (row["body"], row["attributes"].get("event_name")) == (body, name)
    assert "Jane" not in str(row)


def test_without_a_log_record_the_source_is_the_service() -> None:
    site = Source(site="Willow", observer=Reference(display="pacs"))
    found = [labels_of(row["stream"])["service_name"] for row in back(of_fhir(source=site), of_fhir())]
    assert found == ["Willow", "unknown_service"]


def test_the_first_of_several_patients_has_the_column() -> None:
    several = [Entity(what=Reference(reference=f"Patient/p{number}")) for number in (1, 2)]
    assert back(of_fhir(entity=several))[0]["patient_id"] == "p1"


@real
def test_real_datagrams_become_rows() -> None:
    assert FOLDER.exists()
    found = back(*(entry(datagram(number), {}) for number in (1, 2, 3)))
    assert [(row["body"], row["user_id"]) for row in found] == [
        ("User Authentication: Login", "nurse1"),
        ("Application Activity: Application Start", "system"),
        ("Audit Log Used", "auditor1"),
    ]
