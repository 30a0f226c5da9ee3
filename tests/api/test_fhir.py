"""FHIR's API of the audit trail: posting, and IHE's ITI-81."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.asking import House, house

from wardlight.audit import fhir, xml
from wardlight.audit.event import Agent, AuditEvent, Coding, Concept, Entity, Identifier, Reference
from wardlight.audit.fhir.markup import from_xml
from wardlight.problems import Unavailable
from wardlight.store.embedded import EmbeddedStore

FOLDER = Path(os.environ.get("WARDLIGHT_CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance")) / "audit"
EVENT = FOLDER / "fhir-r4-hl7" / "AuditEvent-example-rest.json"

SAMPLE: dict[str, Any] = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"},
    "action": "R",
    "recorded": "2025-12-31T12:00:00Z",
    "outcome": "0",
    "agent": [
        {"who": {"reference": "Practitioner/u7"}, "requestor": True, "network": {"address": "10.0.0.7", "type": "2"}}
    ],
    "source": {"observer": {"identifier": {"system": "urn:sys", "value": "portal"}}},
    "entity": [
        {
            "what": {"reference": "Patient/17"},
            "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
        },
        {"what": {"reference": "Observation/4"}},
    ],
}


@pytest.fixture(scope="module")
def trail(module_store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(module_store, tmp_path_factory.mktemp("trail")) as made:
        yield made


def post(trail: House, event: Any, **headers: str) -> Any:
    return trail.client.post(
        "/fhir/AuditEvent", json=event, headers={"Content-Type": "application/fhir+json", **headers}
    )


def found(trail: House, **parameters: Any) -> list[str]:
    """Search; list the ids of what matches."""
    bundle = trail.get("/fhir/AuditEvent", **parameters)
    return [one["resource"]["id"] for one in bundle.get("entry", []) if one["search"]["mode"] == "match"]


def test_an_event_is_kept_and_its_place_is_told(trail: House) -> None:
    answer = post(trail, SAMPLE)
    assert (answer.status_code, answer.content) == (201, b"")
    index = answer.headers["location"].removeprefix("http://testserver/fhir/AuditEvent/")
    assert answer.headers["etag"] == 'W/"1"'
    kept = trail.get(f"/fhir/AuditEvent/{index}")
    assert (kept["id"], kept["agent"], kept["entity"]) == (index, SAMPLE["agent"], SAMPLE["entity"])


def test_the_event_comes_back_at_once_where_that_is_preferred(trail: House) -> None:
    answer = post(trail, SAMPLE, Prefer="return=representation")
    assert answer.json()["id"] == answer.headers["location"].rpartition("/")[2]
    assert post(trail, SAMPLE, Prefer="return=OperationOutcome").json()["resourceType"] == "OperationOutcome"


def test_a_bundle_is_answered_entry_by_entry(trail: House) -> None:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": SAMPLE}, {"resource": {"a": 1}}]}
    for path in ("/fhir", "/fhir/", "/fhir/AuditEvent"):
        answer = trail.client.post(path, json=bundle).json()
        assert answer["type"] == "batch-response"
        assert [one["response"]["status"] for one in answer["entry"]] == ["201 Created", "201 Created"]


def test_compressed_xml_is_taken_too(trail: House) -> None:
    sent = gzip.compress(fhir.to_xml(SAMPLE))
    headers = {"Content-Type": "application/fhir+xml", "Content-Encoding": "gzip"}
    answer = trail.client.post("/fhir/AuditEvent", content=sent, headers=headers)
    assert answer.status_code == 201
    assert found(trail, _id=answer.headers["location"].rpartition("/")[2])


@pytest.mark.parametrize(
    ("body", "content", "status"),
    [(b"", "application/fhir+json", 400), (b"{}", "text/html", 415), (b" " * 17_000_000, "application/fhir+json", 413)],
)
def test_a_refusal_is_an_operation_outcome(trail: House, body: bytes, content: str, status: int) -> None:
    answer = trail.client.post("/fhir/AuditEvent", content=body, headers={"Content-Type": content})
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")
    assert answer.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"


def test_a_ledger_that_refuses_makes_senders_wait(trail: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(trail.ledger, "submit", refuse)
    answer = post(trail, {**SAMPLE, "outcome": "4"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["issue"][0]["code"] == "transient"


def test_a_repeated_request_is_told_where_its_events_are(trail: House) -> None:
    first, second = (post(trail, {**SAMPLE, "outcome": "12"}, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": SAMPLE}] * 2}
    other = post(trail, bundle, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["issue"][0]["code"]) == (409, "conflict")


def test_what_cannot_be_read_is_kept_too(trail: House) -> None:
    answer = trail.client.post(
        "/fhir/AuditEvent", content=b"{not json", headers={"Content-Type": "application/fhir+json"}
    )
    assert answer.status_code == 201


# ITI-81


@pytest.fixture(scope="module")
def one(trail: House) -> str:
    """The id of one event with something in each field that is searched."""
    (index,) = trail.add(
        AuditEvent(
            recorded=1_000_000_000 * 10**9,  # 2001-09-09T01:46:40Z
            type=[Concept(coding=[Coding("urn:t", "one-type")])],
            subtype=[Concept(coding=[Coding("urn:t", "one-subtype")]), Concept(coding=[Coding("", "bare")])],
            action="D",
            outcome="8",
            purpose=[Concept(coding=[Coding("urn:p", "ETREAT")])],
            agent=[
                Agent(
                    who=Reference(reference="Practitioner/dr-one", identifier=Identifier("urn:staff", "s1")),
                    network="One.Example.org",
                ),
            ],
            entity=[
                Entity(
                    what=Reference(reference="Patient/p1", identifier=Identifier("urn:mrn", "one,1")),
                    type=Coding("urn:et", "et1"),
                    role=Coding("http://terminology.hl7.org/CodeSystem/object-role", "1"),
                ),
                Entity(what=Reference(reference="Observation/o1", identifier=Identifier("urn:lab", "lab|7"))),
            ],
        )
    )
    return str(index)


@pytest.mark.parametrize(
    "query",
    [
        "patient=one%5C,1", "patient=Patient/one%5C,1", "patient.identifier=urn:mrn|one%5C,1", "patient.identifier=nobody,one%5C,1",
        "agent=Practitioner/dr-one", "agent.identifier=urn:staff|s1", "agent.identifier=s1", "agent.identifier=urn:staff|",
        "entity.identifier=urn:lab|lab%5C|7", "entity.identifier=lab%5C|7", "entity-type=urn:et|et1", "entity-type=et1",
        "entity-role=1&type=one-type", "type=urn:t|one-type", "type=urn:t|", "subtype=one-subtype", "subtype=|bare",
        "subtype=x,urn:t|one-subtype", "subtype=one-subtype&subtype=bare", "outcome=8&action=D", "action=D&type=one-type",
        "purpose=ETREAT&type=one-type", "purpose=urn:p|ETREAT&type=one-type", "address=one.EX", "address=nowhere,one",
        "date=2001-09-09", "date=2001", "date=ge2001-09-09T01:46:40Z&date=le2001-09-09T01:46:40Z", "date=eq2001-09-09T03:46%2B02:00",
        "date=gt2001-09-08&date=lt2001-09-10", "date=sa2001-08&date=eb2001-10", "date=1999,2001-09",
        "_lastUpdated=ge2026-01-01&type=one-type",
    ],
)  # fmt: skip
def test_an_event_is_found_by_each_of_its_fields(trail: House, one: str, query: str) -> None:
    bundle = trail.get(f"/fhir/AuditEvent?{query}")
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == [one]
    form = trail.client.post(
        "/fhir/AuditEvent/_search", content=query, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert [entry["resource"]["id"] for entry in form.json()["entry"]] == [one]


@pytest.mark.parametrize(
    "query",
    [
        "patient=nobody", "patient.identifier=urn:other|one%5C,1", "agent.identifier=|s1", "entity.identifier=urn:mrn|lab%5C|7",
        "type=|one-type", "subtype=urn:t|bare", "subtype=one-subtype&subtype=other", "date=2002", "date=lt2001-09-09&type=one-type",
        "date=gt2001-09-09&type=one-type", "address=example&type=one-type", "_id=999999", "_id=abc", "_lastUpdated=lt2026-01-01",
        "date=ge2002&date=le2001",
    ],
)  # fmt: skip
def test_an_event_is_not_found_by_what_it_lacks(trail: House, one: str, query: str) -> None:
    assert "entry" not in trail.get(f"/fhir/AuditEvent?{query}")


def test_pages_are_linked_and_lose_nothing(trail: House) -> None:
    same = [AuditEvent(recorded=5 * 10**17, agent=[Agent(name="pager")]) for _ in range(7)]
    kept = [str(index) for index in trail.add(*same)]
    bundle = trail.get("/fhir/AuditEvent", **{"agent.identifier": "pager", "_count": 3, "_total": "accurate"})
    seen = []
    while True:
        assert bundle["type"] == "searchset"
        assert bundle["total"] == 7
        seen += [one["resource"]["id"] for one in bundle["entry"]]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert links["self"] == "http://testserver/fhir/AuditEvent?agent.identifier=pager&_count=3&_total=accurate"
        if "next" not in links:
            break
        bundle = trail.get(links["next"])
    assert seen == kept[::-1]


def test_an_unknown_parameter_is_left_out_and_told(trail: House, one: str) -> None:
    bundle = trail.get("/fhir/AuditEvent", type="one-type", colour="red", _sort="agent")
    assert [entry["search"]["mode"] for entry in bundle["entry"]] == ["match", "outcome"]
    told = [issue["diagnostics"] for issue in bundle["entry"][1]["resource"]["issue"]]
    assert told == ["not understood and left out: colour", "not understood and left out: _sort"]
    assert bundle["link"][0]["url"].endswith("?type=one-type")


def test_an_unknown_parameter_is_refused_where_handling_is_strict(trail: House) -> None:
    answer = trail.client.get("/fhir/AuditEvent?colour=red", headers={"Prefer": "handling=strict"})
    assert (answer.status_code, "colour" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "query",
    ["date=yesterday", "date=2026-02-30", "date=ne2026", "_count=x", "_count=-1", "_page=!!", "type:not=rest", "_format=pdf",
     "patient.identifier=urn:mrn|", "type=|"],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_named(trail: House, query: str) -> None:
    answer = trail.client.get(f"/fhir/AuditEvent?{query}")
    assert answer.status_code in (400, 415)
    assert query.partition("=")[0].partition(":")[0] in answer.json()["issue"][0]["diagnostics"]


def test_the_version_and_format_are_the_reader_s_choice(trail: House, one: str) -> None:
    five = trail.client.get(f"/fhir/AuditEvent/{one}", headers={"Accept": "application/fhir+json; fhirVersion=5.0"})
    assert five.headers["content-type"] == "application/fhir+json; fhirVersion=5.0"
    assert five.json()["code"]["coding"][0]["code"] == "one-subtype"
    for headers, query in (({"Accept": "application/fhir+xml"}, ""), ({}, "?_format=xml")):
        four = trail.client.get(f"/fhir/AuditEvent/{one}{query}", headers=headers)
        assert four.headers["content-type"] == "application/fhir+xml; fhirVersion=4.0"
        assert from_xml(xml.parse(four.content))["outcome"] == "8"


def test_what_is_not_there_is_not_found(trail: House) -> None:
    for name in ("999999", "abc", "-1", "9" * 40):
        answer = trail.client.get(f"/fhir/AuditEvent/{name}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found")


def test_the_capability_statement_names_what_can_be_searched(trail: House) -> None:
    (served,) = trail.get("/fhir/metadata")["rest"][0]["resource"]
    assert {each["name"] for each in served["searchParam"]} >= {"date", "patient.identifier", "entity-role", "outcome"}


# The watchers are watched


def test_each_look_is_an_event_of_the_trail(trail: House) -> None:
    trail.client.get("/fhir/AuditEvent?patient=17&_count=1")
    trail.client.get("/fhir/AuditEvent/0")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    trail.client.post("/fhir/AuditEvent/_search", content="patient=18", headers=form)
    trail.client.get("/fhir/metadata")
    assert trail.looked()[:3] == [
        ("local", "search AuditEvent?patient=18", "127.0.0.1"),
        ("local", "read AuditEvent/0", "127.0.0.1"),
        ("local", "search AuditEvent?patient=17&_count=1", "127.0.0.1"),
    ]


def test_a_look_that_cannot_be_noted_is_refused(trail: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(trail.ledger, "submit", refuse)
    for path in ("/fhir/AuditEvent", "/fhir/AuditEvent/0"):
        assert trail.client.get(path).status_code == 503


# Examples of the standards


def examples() -> list[Path]:
    events = (path for path in FOLDER.rglob("*.*") if path.suffix in (".json", ".xml"))
    return sorted(
        path for path in events if re.search(rb'^<AuditEvent|"resourceType": ?"AuditEvent"', path.read_bytes())
    )


@pytest.mark.skipif(not EVENT.exists(), reason="the conformance folder is not here")
@pytest.mark.parametrize("path", examples(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_is_found_again_by_its_fields(trail: House, path: Path) -> None:
    body = path.read_bytes()
    sent = json.loads(body) if path.suffix == ".json" else from_xml(xml.parse(body))
    five = "fhir-r5" in str(path)
    headers = {"Content-Type": f"application/fhir+{path.suffix[1:]}"}
    answer = trail.client.post("/fhir/AuditEvent", content=body, headers=headers)
    index = answer.headers["location"].rpartition("/")[2]
    for query in queries(sent):
        assert index in found(trail, **query, _count=1000), query
    accept = {"Accept": f"application/fhir+json; fhirVersion={'5.0' if five else '4.0'}"}
    kept = trail.client.get(f"/fhir/AuditEvent/{index}", headers=accept).json()
    for name in sent.keys() - {"id", "meta"}:
        assert kept[name] == sent[name], name


def queries(sent: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Make the searches by which an example must be found: its date, its patient, agents, entities, source, types."""
    yield {"date": sent["recorded"]}
    yield {"date": f"ge{sent['recorded'][:10]}T00:00:00+14:00"}
    for role, parts in (("agent", sent.get("agent", [])), ("entity", sent.get("entity", []))):
        for part in parts:
            named = part.get("who") or part.get("what") or {}
            if "identifier" in named and "value" in named["identifier"]:
                one = named["identifier"]
                yield {f"{role}.identifier": "|".join(filter(None, (one.get("system"), one["value"])))}
            if role == "agent" and "reference" in named:
                yield {"agent": named["reference"]}
            if role == "entity" and named.get("reference", "").startswith("Patient/"):
                yield {"patient": named["reference"]}
            if role == "entity" and "role" in part:
                coding = part["role"] if "code" in part["role"] else part["role"]["coding"][0]
                yield {"entity-role": "|".join(filter(None, (coding.get("system"), coding.get("code"))))}
    if isinstance(sent.get("type"), dict):
        yield {"type": f"{sent['type']['system']}|{sent['type']['code']}", "outcome": sent.get("outcome", "")}


@pytest.mark.skipif(not EVENT.exists(), reason="the conformance folder is not here")
def test_an_answer_has_the_shape_of_the_swiss_sample(trail: House, one: str) -> None:
    sample = from_xml(xml.parse((FOLDER / "ch-atc" / "ch-atc-iti-81-response-sample.xml").read_bytes()))
    answer = trail.client.get("/fhir/AuditEvent?type=one-type&_total=accurate&_format=xml")
    ours = from_xml(xml.parse(answer.content))
    assert sample.keys() - ours.keys() <= {"id", "meta"}
    assert sample["entry"][0].keys() == ours["entry"][0].keys()
    assert (ours["type"], ours["total"], ours["entry"][0]["search"]) == ("searchset", 1, {"mode": "match"})


# Strangers


NAMES = st.sampled_from([*fhir.SEARCHES, "_count", "_page", "_format", "_total", "_sort", "x", "date:missing", "_id:x"])
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["|", "||", "a|", "\\", "\\|", ",", ",,", "2026-13", "ge9999-12-31", "0000", "9999", "-1", "1" * 30]
    ),
    st.binary(max_size=9).map(lambda data: base64.urlsafe_b64encode(data).decode()),
)


@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_whatever_is_asked_is_answered_or_refused(trail: House, pairs: list[tuple[str, str]]) -> None:
    answer = trail.client.get("/fhir/AuditEvent", params=pairs)
    assert answer.status_code in (200, 400, 415), answer.text


@given(body=st.binary(max_size=60), content=st.sampled_from(["application/fhir+json", "application/fhir+xml", ""]))
def test_whatever_is_posted_is_kept_or_refused(trail: House, body: bytes, content: str) -> None:
    answer = trail.client.post("/fhir/AuditEvent", content=body, headers={"Content-Type": content})
    assert answer.status_code in (200, 201, 400), answer.text
