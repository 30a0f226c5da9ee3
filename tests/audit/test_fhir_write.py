"""An event of any origin is written with each field where the version wants it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec
import pytest
from tests.audit.fhir_examples import EVENT, EVENT_5, NOW, entry_of

from wardlight.audit.event import (
    DCM,
    Agent,
    AuditEvent,
    Coding,
    Concept,
    Detail,
    Entity,
    Entry,
    Identifier,
    Reference,
    Source,
)
from wardlight.audit.fhir import Version, write
from wardlight.audit.fhir.names import DEVIATION, SENT_ID

PATIENT = Reference(identifier=Identifier(system="urn:mrn", value="17"))
FULL = AuditEvent(
    recorded=NOW - 10**9,
    type=[Concept(coding=[Coding(system=DCM, code="110112", display="Query")])],
    subtype=[Concept(coding=[Coding(system="urn:ihe", code="ITI-18")])],
    action="E",
    severity="notice",
    start="2025-01-01",
    end="2025-01-02",
    outcome="4",
    outcome_text="half of it",
    purpose=[Concept(coding=[Coding(system="urn:p", code="TREAT")])],
    encounter=Reference(reference="Encounter/3"),
    agent=[
        Agent(
            who=Reference(identifier=Identifier(value="ann")),
            alt_id="4711",
            name="Ann",
            requestor=True,
            network="10.0.0.7",
            network_type="2",
            policy=["urn:policy"],
            purpose=[Concept(text="care")],
        )
    ],
    source=Source(site="ward 3", observer=Reference(display="EHR"), type=[Concept(coding=[Coding(code="4")])]),
    entity=[
        Entity(
            what=PATIENT,
            type=Coding(code="1"),
            role=Coding(code="1"),
            lifecycle=Coding(code="6"),
            name="the record",
            security_label=[Concept(coding=[Coding(code="V")])],
            detail=[Detail(type="MSH-10", value="MQ==", binary=True)],
        )
    ],
)


def written(event: AuditEvent, version: Version, **more: Any) -> dict[str, Any]:
    return write(Entry(received=NOW, format="dicom+xml", event=event, **more), 7, version)


def test_r4_has_its_fields_where_it_wants_them() -> None:
    found = written(FULL, "r4")
    assert found["type"] == {"system": DCM, "code": "110112", "display": "Query"}
    assert found["subtype"] == [{"system": "urn:ihe", "code": "ITI-18"}]
    assert (found["action"], found["outcome"], found["outcomeDesc"]) == ("E", "4", "half of it")
    assert found["period"] == {"start": "2025-01-01", "end": "2025-01-02"}
    assert found["recorded"] == "2025-06-15T15:06:39Z"
    assert found["purposeOfEvent"] == [{"coding": [{"system": "urn:p", "code": "TREAT"}]}]
    (agent,) = found["agent"]
    assert (agent["altId"], agent["name"], agent["requestor"]) == ("4711", "Ann", True)
    assert agent["network"] == {"address": "10.0.0.7", "type": "2"}
    assert agent["purposeOfUse"] == [{"text": "care"}]
    assert found["source"] == {"site": "ward 3", "observer": {"display": "EHR"}, "type": [{"code": "4"}]}
    (entity,) = found["entity"]
    assert (entity["type"], entity["role"], entity["lifecycle"]) == ({"code": "1"}, {"code": "1"}, {"code": "6"})
    assert entity["securityLabel"] == [{"code": "V"}]
    assert entity["detail"] == [{"type": "MSH-10", "valueBase64Binary": "MQ=="}]


def test_r5_has_its_fields_where_it_wants_them() -> None:
    found = written(FULL, "r5")
    assert found["category"] == [{"coding": [{"system": DCM, "code": "110112", "display": "Query"}]}]
    assert found["code"] == {"coding": [{"system": "urn:ihe", "code": "ITI-18"}]}
    assert found["outcome"] == {
        "code": {
            "system": "http://terminology.hl7.org/CodeSystem/audit-event-outcome",
            "code": "4",
            "display": "Minor failure",
        },
        "detail": [{"text": "half of it"}],
    }
    assert (found["severity"], found["occurredPeriod"]["end"]) == ("notice", "2025-01-02")
    assert found["patient"] == {"identifier": {"system": "urn:mrn", "value": "17"}}
    assert found["encounter"] == {"reference": "Encounter/3"}
    (agent,) = found["agent"]
    assert agent["who"] == {"identifier": {"value": "ann"}, "display": "Ann"}
    assert (agent["networkString"], agent["authorization"]) == ("10.0.0.7", [{"text": "care"}])
    assert found["source"]["site"] == {"display": "ward 3"}
    (entity,) = found["entity"]
    assert entity["what"]["display"] == "the record"
    assert entity["role"] == {"coding": [{"code": "1"}]}
    assert entity["detail"] == [{"type": {"text": "MSH-10"}, "valueBase64Binary": "MQ=="}]
    assert not {"type", "name", "lifecycle", "description"} & entity.keys()


@pytest.mark.parametrize("version", ["r4", "r5"])
def test_nothing_is_lost_on_the_way_and_nothing_breaks_the_standard(version: Version) -> None:
    found = entry_of(written(FULL, version))
    assert found.deviation == []
    lost = msgspec.structs.replace(found.event, id="", patient=None)
    if version == "r5":
        lost.agent[0].who, lost.entity[0].what = FULL.agent[0].who, FULL.entity[0].what
        lost.outcome_detail, lost.outcome_text = [], FULL.outcome_text
    assert lost == FULL


@pytest.mark.parametrize("version", ["r4", "r5"])
def test_what_the_standard_demands_is_there_even_of_an_empty_event(version: Version) -> None:
    found = written(AuditEvent(), version)
    assert found["recorded"] == found["meta"]["lastUpdated"]
    assert entry_of(found).deviation == []
    assert found["source"] == {"observer": {"display": "unknown"}}


def test_several_subtypes_are_codes_of_one_in_r5() -> None:
    both = [Concept(coding=[Coding(code=code)]) for code in ("a", "b")]
    assert written(AuditEvent(subtype=both), "r5")["code"] == {"coding": [{"code": "a"}, {"code": "b"}]}
    assert written(AuditEvent(type=both), "r4")["subtype"] == [{"code": "b"}]


def test_a_uri_is_a_uri_in_r5() -> None:
    agent = Agent(network="https://ehr.example", network_type="5")
    assert written(AuditEvent(agent=[agent]), "r5")["agent"][0]["networkUri"] == "https://ehr.example"


def test_r4_has_the_patient_among_the_entities() -> None:
    found = written(AuditEvent(patient=PATIENT), "r4")["entity"]
    assert found[0]["role"]["code"] == "1"
    assert found[0]["what"] == {"identifier": {"system": "urn:mrn", "value": "17"}}


def test_an_entity_of_r4_has_a_name_or_a_query() -> None:
    (entity,) = written(AuditEvent(entity=[Entity(name="n", query="cQ==")]), "r4")["entity"]
    assert entity == {"description": "n", "query": "cQ=="}


def test_an_outcome_in_words_of_severity_is_a_code() -> None:
    severity = {"system": "http://hl7.org/fhir/issue-severity", "code": "error"}
    entry = entry_of({**EVENT_5, "outcome": {"code": severity, "detail": [{"text": "a"}, {"text": "b"}]}})
    assert entry.event.outcome == "8"
    assert write(entry, 7, "r4")["outcomeDesc"] == "a; b"
    assert write(entry, 7, "r5")["outcome"]["code"] == severity


def test_the_senders_id_and_what_was_odd_are_tags() -> None:
    tag = {"system": "urn:t", "code": "t"}
    found = write(entry_of({**EVENT, "id": "mine", "meta": {"tag": [tag]}, "action": "X"}), 7, "r4")
    assert found["id"] == "7"
    assert found["meta"]["tag"] == [
        tag, {"system": DEVIATION, "code": "code"}, {"system": SENT_ID, "code": "mine"},
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["r4", "r5"])
def test_what_could_not_be_read_is_an_event_with_the_original_in_it(version: Version) -> None:
    found = write(entry_of("nö".encode()), 7, version)
    assert "unreadable" in (found["type"]["code"] if version == "r4" else found["code"]["coding"][0]["code"])
    assert b64decode(found["entity"][0]["detail"][0]["valueBase64Binary"]).decode() == "nö"
    assert entry_of(found).deviation == []


def test_a_log_record_brings_its_line_and_its_attributes() -> None:
    entry = Entry(received=NOW, format="log", event=FULL, body="a < b", attributes={"ward": "3"})
    found = write(entry, 7, "r4")
    assert found["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">a &lt; b</div>'
    assert found["extension"][-1]["extension"] == [{"url": "ward", "valueString": "3"}]
