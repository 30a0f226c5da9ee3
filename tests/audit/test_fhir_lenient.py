"""What is odd is kept and noted; what can't be read is kept as it came; only what is empty or too large is refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.fhir_examples import EVENT, EVENT_5, NOW, entry_of

from wardlight.audit import event
from wardlight.audit.fhir import DEVIATIONS, Version, read, to_xml, write
from wardlight.audit.fhir.read import MAX_BYTES, MAX_ENTRIES
from wardlight.problems import BadInput, TooLarge

AGENT = EVENT["agent"][0]


def without(name: str, resource: dict[str, Any] = EVENT) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != name}


def test_what_has_all_that_is_demanded_is_not_odd() -> None:
    assert entry_of(EVENT).deviation == []
    assert entry_of(EVENT_5).deviation == []


@pytest.mark.parametrize(
    ("resource", "deviation"),
    [
        (without("type"), "type"),
        (without("recorded"), "recorded"),
        (without("agent"), "agent"),
        (without("source"), "source"),
        (without("code", EVENT_5) | {"category": []}, "type"),
        ({**EVENT, "agent": [without("requestor", AGENT)]}, "requestor"),
        ({**EVENT_5, "agent": [{"requestor": True}]}, "who"),
        ({**EVENT, "source": {"site": "ward 3"}}, "observer"),
        ({**EVENT, "recorded": "yesterday"}, "timestamp"),
        ({**EVENT, "recorded": "2025-01-01T00:00:00"}, "timestamp"),
        ({**EVENT, "recorded": "1970-01-01T00:00:00Z"}, "timestamp"),
        ({**EVENT, "recorded": "2099-01-01T00:00:00Z"}, "timestamp"),
        ({**EVENT, "recorded": "9999-01-01T00:00:00Z"}, "timestamp"),
        ({**EVENT, "action": "X"}, "code"),
        ({**EVENT, "outcome": "3"}, "code"),
        ({**EVENT, "agent": [{**AGENT, "network": {"address": "a", "type": "9"}}]}, "code"),
        ({**EVENT_5, "severity": "loud"}, "code"),
        ({**EVENT, "mood": "good"}, "element"),
        ({**EVENT, "entity": [{"colour": "red"}]}, "element"),
        ({**EVENT, "type": [EVENT["type"]]}, "shape"),
        ({**EVENT, "agent": AGENT}, "shape"),
        ({**EVENT, "agent": [AGENT, "ann"]}, "shape"),
        ({**EVENT, "action": 1}, "shape"),
        ({**EVENT, "source": "EHR"}, "shape"),
        ({**EVENT, "agent": [{**AGENT, "requestor": "true"}]}, "shape"),
        (without("resourceType"), "unnamed"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_odd_has_a_word(resource: dict[str, Any], deviation: str) -> None:
    entry = entry_of(resource)
    assert deviation in entry.deviation
    assert entry.format in ("fhir-r4+json", "fhir-r5+json")
    assert DEVIATIONS.keys() >= set(entry.deviation)


def test_what_has_the_wrong_shape_is_understood_as_far_as_it_goes() -> None:
    found = entry_of({**EVENT, "type": [EVENT["type"]], "agent": {**AGENT, "requestor": "true"}}).event
    assert found.type[0].coding[0].code == "110110"
    assert found.agent[0].requestor is True
    assert event.users(found) == ["ann"]


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b'{"resourceType":"AuditEvent"',
        b"[1,2]",
        b"null",
        b'{"resourceType":"Patient","id":"1"}',
        b'{"resourceType":"Bundle","entry":7}',
        b"<AuditEvent",
        b'<Patient xmlns="http://hl7.org/fhir"/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><AuditEvent>&x;</AuditEvent>',
        b'{"resourceType":"AuditEvent","agent":' + b"[" * 64 + b"]" * 64 + b"}",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_cannot_be_read_is_kept_as_it_came(body: bytes) -> None:
    entry = entry_of(body)
    assert (entry.format, entry.deviation, entry.original) == ("raw", ["unreadable"], body.decode())


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="empty"):
        read(body, "application/fhir+json", NOW)


@pytest.mark.parametrize(
    "body",
    [
        b" " * MAX_BYTES + b"{}",
        b'{"resourceType":"Bundle","entry":[' + b"{}," * MAX_ENTRIES + b"{}]}",
        b"<Bundle>" + b"<entry/>" * (MAX_ENTRIES + 1) + b"</Bundle>",
        b"<Bundle>" + b"<a/>" * 200_000 + b"</Bundle>",
    ],
    ids=["bytes", "entries", "XML entries", "XML elements"],
)
def test_what_is_beyond_a_limit_is_refused(body: bytes) -> None:
    with pytest.raises(TooLarge):
        read(body, "application/fhir+json", NOW)


def test_what_is_not_utf8_is_read_as_latin_1() -> None:
    entry = entry_of(json.dumps({**EVENT, "outcomeDesc": "gelöscht"}, ensure_ascii=False).encode("latin-1"))
    assert entry.event.outcome_text == "gelöscht"
    assert entry.deviation == ["not_utf8"]


def test_a_byte_order_mark_is_no_oddity() -> None:
    assert entry_of(b"\xef\xbb\xbf" + msgspec.json.encode(EVENT)).deviation == []


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/fhir+xml", "application/fhir+json; fhirVersion=5.0"]
)
def test_the_content_says_what_it_is_whatever_its_type_says(content_type: str) -> None:
    assert entry_of(msgspec.json.encode(EVENT), content_type).format == "fhir-r4+json"


@pytest.mark.parametrize(("promise", "found"), [("", "r4"), ("; fhirVersion=4.0", "r4"), ("; fhirVersion=5.0", "r5")])
def test_the_promised_version_decides_where_the_content_does_not(promise: str, found: str) -> None:
    body = msgspec.json.encode(without("type"))
    assert entry_of(body, "application/fhir+json" + promise).format == f"fhir-{found}+json"


def test_a_bundle_is_read_in_its_order_each_entry_by_itself() -> None:
    first, second = (json.dumps(one, indent=1) for one in (EVENT, EVENT_5))
    slots = f'[{{"resource":{first}}},{{"fullUrl":"urn:x"}},7,{{"resource":{{"resourceType":"Bundle"}}}},{{"resource":{second}}}]'
    found = read(f'{{"resourceType":"Bundle","type":"transaction","entry":{slots}}}'.encode(), "", NOW)
    assert found.bundle == "transaction"
    formats = [entry.format for entry in found.entries]
    assert formats == ["fhir-r4+json", "raw", "raw", "raw", "fhir-r5+json"]
    assert [entry.original for entry in found.entries] == [
        first, '{"fullUrl":"urn:x"}', "7", '{"resourceType":"Bundle"}', second,
    ]  # fmt: skip


def test_a_bundle_in_xml_is_the_same() -> None:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": EVENT}, {"fullUrl": "urn:x"}]}
    found = read(to_xml(bundle), "", NOW)
    assert found.bundle == "batch"
    assert [entry.format for entry in found.entries] == ["fhir-r4+xml", "raw"]
    assert found.entries[0].event == entry_of(EVENT).event
    assert entry_of(found.entries[0].original.encode()).event == entry_of(EVENT).event


def test_an_empty_bundle_has_no_entries() -> None:
    assert read(b'{"resourceType":"Bundle","type":"batch"}', "", NOW).entries == []


NAMES = ["type", "code", "category", "outcome", "agent", "who", "identifier", "coding", "entity", "detail", "extension",
         "meta", "text", "div", "network", "requestor", "source", "site", "valueString", "url", "id", "resourceType",
         "recorded", "_recorded", "contained"]  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def survives(body: bytes) -> None:
    try:
        found = read(body, "application/fhir+json", NOW)
    except BadInput:
        return
    for entry in found.entries:
        assert event.decode(event.encode(entry)).format == entry.format
        versions: tuple[Version, ...] = ("r4", "r5")
        for version in versions:
            for one in (entry, msgspec.structs.replace(entry, original="")):
                written = write(one, 1, version)
                assert entry_of(msgspec.json.encode(written)).format != "raw"
                assert entry_of(to_xml(written)).format.endswith("+xml")


@given(VALUES)
def test_any_json_is_read_and_written(value: Any) -> None:
    survives(json.dumps(value, ensure_ascii=True).encode())


@given(
    st.sampled_from([EVENT, EVENT_5]),
    st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_an_event_with_anything_anywhere_is_read_and_written(
    resource: dict[str, Any], changes: dict[str, Any], depth: int
) -> None:
    changed = copy.deepcopy(resource)
    targets = [changed, changed["agent"][0], changed["source"], changed["agent"][0]["who"]]
    targets[depth].update(changes)
    survives(json.dumps(changed).encode())


@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_bytes_with_a_hole_are_read_or_kept(piece: bytes, at: int, as_xml: bool) -> None:
    body = to_xml(EVENT) if as_xml else msgspec.json.encode(EVENT)
    survives(body[:at] + piece + body[at + len(piece) :])
