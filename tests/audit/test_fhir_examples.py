"""Every published example is read, comes back as it was, and crosses to the other version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.audit.fhir_examples import ABSENT, FOLDER, JSON, NOW, XML, entry_of, event_of, other, rendered

from wardlight.audit import event, xml
from wardlight.audit.fhir import markup, read, to_xml, write
from wardlight.audit.fhir.elements import Version

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason=ABSENT)

each_json = pytest.mark.parametrize(("path", "version"), JSON, ids=lambda part: getattr(part, "name", part))
each_xml = pytest.mark.parametrize(("path", "version"), XML, ids=lambda part: getattr(part, "name", part))
each = pytest.mark.parametrize(("path", "version"), JSON + XML, ids=lambda part: getattr(part, "name", part))


def without_ours(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in ("id", "meta")}


def test_all_of_them_are_here() -> None:
    assert (len(JSON), len(XML)) == (9 + 46 + 13, 7)


@each
def test_it_is_read_and_nothing_about_it_is_odd(path: Path, version: Version) -> None:
    entry = entry_of(path.read_bytes(), "")
    assert (entry.format, entry.deviation) == (f"fhir-{version}+{path.suffix[1:]}", [])
    assert entry.original == path.read_text()
    assert entry.event.recorded > 0
    assert entry.event.agent
    assert event.decode(event.encode(entry)) == entry


@each_json
def test_it_comes_back_as_it_was_sent(path: Path, version: Version) -> None:
    written = write(entry_of(path.read_bytes()), 7, version)
    assert written["id"] == "7"
    assert written["meta"]["lastUpdated"] == "2025-06-15T15:06:40Z"
    assert without_ours(written) == without_ours(msgspec.json.decode(path.read_bytes()))


@each_xml
def test_what_was_sent_as_xml_comes_back_with_all_of_its_elements(path: Path, version: Version) -> None:
    def leaves(document: bytes) -> list[tuple[str, str | None]]:
        root = xml.parse(document)
        skipped = {inner for child in root if markup.local(child.tag) in ("id", "meta") for inner in child.iter()}
        return [(one.tag, one.get("value")) for one in root.iter() if one not in skipped]

    assert leaves(to_xml(write(entry_of(path.read_bytes(), "text/xml"), 7, version))) == leaves(path.read_bytes())


@each
def test_what_was_understood_is_the_same_after_it_was_written_in_its_version(path: Path, version: Version) -> None:
    entry = rendered(entry_of(path.read_bytes(), ""))
    again = event_of(write(entry, 7, version))
    assert again.subtype == (entry.event.subtype or entry.event.type)
    assert (again.source, again.agent) == (entry.event.source, entry.event.agent)
    if version == "r5" and again.patient != entry.event.patient:
        # R5 wants the patient to stand apart, too.
        again = msgspec.structs.replace(again, patient=None)
    assert again == msgspec.structs.replace(entry.event, source=again.source, subtype=again.subtype)


@each
def test_what_was_understood_crosses_to_the_other_version_and_back(path: Path, version: Version) -> None:
    entry = rendered(entry_of(path.read_bytes(), ""))
    there = write(entry, 7, other(version))
    found = entry_of(there)
    assert found.format.startswith(f"fhir-{other(version)}")
    assert found.deviation == []
    back = event_of(write(rendered(found), 7, version))
    for name in ("action", "outcome", "recorded", "start", "end", "severity", "purpose", "based_on", "encounter"):
        assert getattr(back, name) == getattr(entry.event, name), name
    assert coded(back.type + back.subtype) >= coded(entry.event.type + entry.event.subtype)
    assert event.patients(back) == event.patients(entry.event)
    for agent, was in zip(back.agent, entry.event.agent, strict=True):
        assert msgspec.structs.replace(agent, who=None) == msgspec.structs.replace(was, who=None)
        assert named(agent.who) >= named(was.who)
    for entity, once in zip(back.entity[-len(entry.event.entity) :], entry.event.entity, strict=bool(back.entity)):
        assert msgspec.structs.replace(entity, what=None) == msgspec.structs.replace(once, what=None)
        assert named(entity.what) >= named(once.what)


def coded(concepts: list[event.Concept]) -> set[tuple[str, str]]:
    return {(code.system, code.code) for concept in concepts for code in concept.coding}


def named(reference: event.Reference | None) -> set[str]:
    if reference is None:
        return set()
    identifier = reference.identifier or event.Identifier()
    return {reference.reference, identifier.system, identifier.value, reference.display} - {""}


@each_json
def test_it_becomes_xml_and_the_same_json_again(path: Path, version: Version) -> None:
    resource = msgspec.json.decode(path.read_bytes())
    document = to_xml(resource)
    again = markup.from_xml(xml.parse(document))
    assert {**again, "text": None} == {**resource, "text": None}
    entry = entry_of(document, "application/fhir+xml")
    assert entry.event == entry_of(path.read_bytes()).event
    assert entry.format == f"fhir-{version}+xml"


def test_the_answer_of_another_repository_is_read_entry_by_entry() -> None:
    found = read((FOLDER / "ch-atc" / "ch-atc-iti-81-response-sample.xml").read_bytes(), "application/fhir+xml", NOW)
    assert found.bundle == "searchset"
    assert [entry.format for entry in found.entries] == ["fhir-r4+xml"] * 3 + ["raw"]
    assert "OperationOutcome" in found.entries[3].original


def test_the_trace_that_an_event_belongs_to_is_found() -> None:
    entry = entry_of((FOLDER / "ch-atc" / "atc-log-read.xml").read_bytes())
    assert entry.trace_id == "0af7651916cd43dd8448eb211c80319c"
