"""What a reader and a sender get, and that XML says the same as JSON."""

from __future__ import annotations

from typing import Any

import pytest
from tests.audit.fhir_examples import EVENT, entry_of

from wardlight.audit import xml
from wardlight.audit.fhir import SEARCHES, bundle, capability, markup, noted, outcome, response, to_xml, write
from wardlight.problems import BadConfig, BadInput, Busy, Denied, NotFound, Problem, TooLarge

BASE = "https://audit.example/fhir"


def page(total: int | None = None) -> dict[str, Any]:
    found = [write(entry_of(EVENT), index, "r4") for index in (1, 2)]
    return bundle(found, BASE, {"self": BASE + "/AuditEvent?a=1&b=2", "next": BASE + "/AuditEvent?page=2"}, total)


def test_a_search_answers_with_a_page() -> None:
    found = page()
    assert (found["type"], "total" in found) == ("searchset", False)
    assert [link["relation"] for link in found["link"]] == ["self", "next"]
    assert [entry["fullUrl"] for entry in found["entry"]] == [BASE + "/AuditEvent/1", BASE + "/AuditEvent/2"]
    assert found["entry"][0]["search"] == {"mode": "match"}
    assert found["entry"][0]["resource"]["id"] == "1"


def test_a_page_without_anything_has_no_entries() -> None:
    assert bundle([], BASE, {"self": BASE}, 0) == {
        "resourceType": "Bundle", "type": "searchset", "total": 0, "link": [{"relation": "self", "url": BASE}],
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "answered"), [("batch", "batch-response"), ("transaction", "transaction-response")])
def test_a_bundle_is_answered_entry_by_entry(kind: str, answered: str) -> None:
    found = response(kind, [entry_of(EVENT), entry_of({**EVENT, "action": "X"})], [7, 8])
    assert found["type"] == answered
    first, second = (entry["response"] for entry in found["entry"])
    assert (first["status"], first["location"], "outcome" in first) == ("201 Created", "AuditEvent/7", False)
    assert second["outcome"]["issue"][0]["details"] == {"text": "code"}


def test_what_is_odd_is_told_as_a_warning() -> None:
    (issue,) = noted(["recorded"])["issue"]
    assert (issue["severity"], issue["diagnostics"]) == ("warning", "it doesn't say when it was recorded")
    assert noted([])["issue"][0]["severity"] == "information"


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (BadInput("x"), "invalid"),
        (TooLarge("x"), "too-long"),
        (Denied("x"), "forbidden"),
        (NotFound("x"), "not-found"),
        (Busy("x"), "throttled"),
        (BadConfig("x"), "invalid"),
        (Problem("x"), "exception"),
    ],
)
def test_a_problem_is_an_outcome(problem: Problem, code: str) -> None:
    (issue,) = outcome(problem)["issue"]
    assert (issue["code"], issue["diagnostics"]) == (code, "x")


def test_the_statement_says_what_is_served() -> None:
    (rest,) = capability(BASE)["rest"]
    (served,) = rest["resource"]
    assert {one["code"] for one in served["interaction"]} == {"create", "read", "search-type"}
    assert [one["name"] for one in served["searchParam"]] == list(SEARCHES)
    assert {one["code"] for one in rest["interaction"]} == {"batch", "transaction"}


@pytest.mark.parametrize(
    "resource",
    [
        page(2),
        response("batch", [entry_of({**EVENT, "action": "X"})], [8]),
        outcome(BadInput("a < b")),
        capability(BASE),
    ],
    ids=["searchset", "batch-response", "OperationOutcome", "CapabilityStatement"],
)
def test_xml_says_the_same(resource: dict[str, Any]) -> None:
    assert markup.from_xml(xml.parse(to_xml(resource))) == resource


def test_xml_keeps_the_standards_order_whatever_json_has() -> None:
    backwards = dict(reversed(EVENT.items()))
    assert [markup.local(child.tag) for child in xml.parse(to_xml(backwards))] == [
        "type", "recorded", "agent", "source",
    ]  # fmt: skip


def test_ids_and_extensions_of_primitives_survive() -> None:
    resource = {
        **EVENT,
        "_recorded": {"id": "a", "extension": [{"url": "urn:x", "valueBoolean": True}]},
        "agent": [{"policy": ["urn:a", None], "_policy": [None, {"extension": [{"url": "urn:y", "valueInteger": 3}]}]}],
    }
    assert markup.from_xml(xml.parse(to_xml(resource))) == resource


def test_what_the_table_lacks_survives_as_it_looks() -> None:
    contained = [{"resourceType": "Device", "id": "d", "owner": {"display": "ward 3"}}]
    resource = {**EVENT, "contained": contained, "mood": "good"}
    assert markup.from_xml(xml.parse(to_xml(resource))) == resource


@pytest.mark.parametrize("div", ["no markup", "<p>half", '<!DOCTYPE p [<!ENTITY x "y">]><div>&x;</div>', "a\x00b"])
def test_a_narrative_that_is_no_markup_is_text(div: str) -> None:
    found = xml.parse(to_xml({**EVENT, "text": {"status": "generated", "div": div}}))
    written = next(one for one in found.iter() if markup.local(one.tag) == "div")
    assert written.text == div.replace("\x00", "\ufffd")


def test_characters_that_xml_cannot_have_are_replaced() -> None:
    found = to_xml({**EVENT, "outcomeDesc": "a\x00b", "mo<od": "x"})
    assert entry_of(found).event.outcome_text == "a\ufffdb"
