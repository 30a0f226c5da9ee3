"""Questions to the table of the audit trail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.audit.asking import NOW, House, house

from wardlight.audit.asked import asked
from wardlight.audit.event import ENTITY_ROLE, Agent, AuditEvent, Coding, Concept, Entity, Entry, Reference
from wardlight.audit.question import Cursor, Question, Token, exactly
from wardlight.audit.search import STREAM_PAGE, Search, places_sql
from wardlight.config import Query
from wardlight.problems import BadInput, NotFound, TimedOut, Unavailable
from wardlight.store import Where
from wardlight.store.embedded import EmbeddedStore

PATIENT = Coding(ENTITY_ROLE, "1")
DAY = 86_400 * 10**9


def event(*patients: str, user: str = "ann", record: str = "", **fields: Any) -> AuditEvent:
    entities = [Entity(what=Reference(reference=f"Patient/{name}"), role=PATIENT) for name in patients]
    if record:
        entities.append(Entity(what=Reference(reference=record)))
    agent = Agent(who=Reference(reference=f"Practitioner/{user}"), requestor=True)
    return AuditEvent(**{"recorded": NOW, "agent": [agent], "entity": entities, **fields})


@pytest.fixture
def trail(module_store: EmbeddedStore, tmp_path: Any) -> Iterator[House]:
    with house(module_store, tmp_path) as made:
        yield made


def found(trail: House, question: Question) -> list[int]:
    return [index for index, _ in trail.search.page(question).entries]


def test_who_opened_a_record_is_told_newest_first(trail: House) -> None:
    trail.add(event("17", user="bob", recorded=NOW - 2 * DAY), event("18"), event("17", user="eve", recorded=NOW - DAY))
    assert found(trail, asked(patient="17")) == [2, 0]


def test_an_event_about_several_patients_is_found_by_each_and_once(trail: House) -> None:
    trail.add(event("17", "18"), event("18", "17"), event("18"))
    assert (found(trail, asked(patient="17")), found(trail, asked(patient="18"))) == ([1, 0], [2, 1, 0])
    assert trail.search.count(asked(patient="17")) == 2


def test_an_event_that_was_written_twice_is_told_once(trail: House) -> None:
    trail.add(event("17"), event("17"))
    assert trail.search.page(asked(patient="17")).complete
    trail.store.manage("INSERT INTO audit SELECT * FROM audit")
    assert found(trail, asked(patient="17")) == [1, 0]
    assert found(trail, asked()) == [1, 0]
    assert trail.search.count(asked()) == 2


@pytest.mark.parametrize("patient", ["", "17"])
def test_pages_lose_nothing_and_repeat_nothing(trail: House, patient: str) -> None:
    trail.add(*[event("17", "other") if at % 2 else event("other", "17") for at in range(10)])
    question, seen = asked(patient=patient, limit=3), []
    while True:
        page = trail.search.page(question)
        seen += [index for index, _ in page.entries]
        if page.next is None:
            break
        question = asked(patient=patient, limit=3, after=page.next.text)
    assert seen == list(range(9, -1, -1))


def test_events_are_found_however_far_they_lie_apart(trail: House) -> None:
    days = (2000, 1999, 700, 40, 39, 3, 1, 0)
    trail.add(*[event("17", "18", recorded=NOW - day * DAY) for day in days])
    assert found(trail, asked(patient="17")) == list(range(7, -1, -1))
    assert found(trail, asked(patient="18", limit=4)) == [7, 6, 5, 4]
    assert found(trail, asked(user="ann", until="2025-11-30")) == [4, 3, 2, 1, 0]
    assert found(trail, asked(since="2019-01-01", until="2024-12-31", limit=1)) == [2]


def test_a_user_a_record_and_a_time_are_asked_for(trail: House) -> None:
    trail.add(
        event("17", user="ann", record="Observation/4", recorded=NOW - 2 * DAY),
        event("17", user="bob", record="http://server/Observation/4/_history/2", recorded=NOW - DAY),
        event("17", user="bob", record="Condition/4"),
    )
    assert found(trail, asked(user="bob")) == [2, 1]
    assert found(trail, asked(record="Observation/4")) == [1, 0]
    assert found(trail, asked(record="4")) == [2, 1, 0]
    assert found(trail, asked(record="Patient/17", user="ann")) == [0]
    assert found(trail, asked(since="2025-12-31")) == [2, 1]
    assert found(trail, asked(until="2025-12-31")) == [1, 0]
    assert found(trail, asked(since="2025-12-31", until="2025-12-31")) == [1]


@pytest.mark.parametrize(
    "fields",
    [
        {"purpose": [Concept(coding=[Coding("urn:x", "ETREAT")])]},
        {"purpose": [Concept(coding=[Coding("urn:x", "BTG")])]},
        {"type": [Concept(coding=[Coding("urn:x", "110127")])]},
        {"subtype": [Concept(coding=[Coding("", "110127")])]},
        {"agent": [Agent(name="ann", purpose=[Concept(coding=[Coding("urn:x", "ETREAT")])])]},
    ],
)
def test_breaking_the_glass_is_found_however_it_is_said(trail: House, fields: dict[str, Any]) -> None:
    trail.add(event("17"), event("17", **fields))
    assert found(trail, asked(break_glass=True)) == [1]


def test_disclosures_are_found(trail: House) -> None:
    trail.add(
        event("17"),
        event("17", type=[Concept(coding=[Coding("urn:x", "110106")])]),
        event("17", subtype=[Concept(coding=[Coding("urn:x", "disclose")])]),
    )
    assert found(trail, asked(disclosures=True)) == [2, 1]


def test_values_are_never_part_of_the_query(trail: House) -> None:
    trail.add(event("it's \\ {x:String} -- "))
    assert found(trail, asked(patient="it's \\ {x:String} -- ")) == [0]
    assert found(trail, asked(patient="' OR 1 --")) == []
    sql, _ = places_sql(asked(patient="'17'", user="'u'", record="'r'/'4'"), 5)
    assert not re.search(r"'(17|u|r|4)'", sql)


def test_an_export_reads_everything_in_parts(trail: House) -> None:
    trail.add(*[event("17") for _ in range(STREAM_PAGE + 5)])
    assert [index for index, _ in trail.search.stream(asked(patient="17"))] == list(range(STREAM_PAGE + 4, -1, -1))


def test_a_page_is_never_larger_than_the_setting(trail: House) -> None:
    trail.add(*[event("17") for _ in range(5)])
    page = Search(trail.store, Query(max_entries=2), trail.projection.settle).page(asked(limit=5))
    assert (len(page.entries), page.next is not None) == (2, True)


def test_one_event_is_read_by_its_index(trail: House) -> None:
    trail.add(event("17"), event("18"))
    assert trail.search.one(1).event.entity[0].what == Reference(reference="Patient/18")
    with pytest.raises(NotFound, match="no event 7"):
        trail.search.one(7)


def test_a_table_that_is_behind_is_told_and_not_exported(trail: House) -> None:
    trail.add(event("17"))
    behind = Search(trail.store, Query(), lambda: False)
    assert behind.page(asked()).complete is False
    with pytest.raises(Unavailable, match="behind the ledger"):
        next(behind.stream(asked()))


def test_a_question_has_the_limits_of_the_settings(trail: House) -> None:
    trail.add(*[event(f"p{at}") for at in range(200)])
    trail.projection.settle()
    slow = Search(trail.store, Query(max_seconds=1e-6), trail.projection.settle)
    with pytest.raises(TimedOut, match=r"query\.max_seconds"):
        slow.count(Question(address=(tuple(Token(str(at)) for at in range(2000)),)))


@pytest.mark.parametrize("text", ["", "!!", "MTIz", "LTEuMg", "x" * 500, "é"])
def test_a_cursor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Cursor.parse(text)
    assert Cursor.parse(Cursor(NOW, 7).text) == Cursor(NOW, 7)


def test_two_patients_at_once_make_no_sense() -> None:
    with pytest.raises(BadInput, match="another patient"):
        asked(patient="17", record="Patient/18")


def explained(trail: House, question: Question) -> str:
    sql, params = places_sql(question, 101)
    rows = trail.store.select(f"EXPLAIN indexes = 1 {sql}", params).to_pylist()
    return "\n".join(str(row["explain"]) for row in rows)


def test_a_patient_is_found_by_the_order_of_the_table(trail: House) -> None:
    trail.add(*[event(f"p{at}") for at in range(50)])
    trail.projection.settle()
    first, second = explained(trail, asked(patient="p7")).split("ReadFromMergeTree")[1:]
    assert "InReverseOrder" in first
    assert re.search(
        r"PrimaryKey\s+[^\w]*Keys:\s+[^\w]*patient\s+[^\w]*Condition: \(patient in \['p7', 'p7'\]\)", first
    )
    assert "Name: others_text" in second


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (asked(user="ann"), "agents_text"),
        (Question(agent=exactly("ann")), "agents_text"),
        (Question(entity=((Token("4", "urn:x"), Token("5")),)), "entities_text"),
        (Question(purpose=exactly("ETREAT")), "purposes_text"),
        (Question(index=(7,)), "idx_range"),
    ],
)
def test_other_questions_use_an_index(trail: House, question: Question, index: str) -> None:
    trail.add(*[event(f"p{at}") for at in range(50)])
    trail.projection.settle()
    assert f"Name: {index}" in explained(trail, question)


def test_the_entry_is_whole(trail: House) -> None:
    trail.add(event("17"), original="…", deviation=["agent"], attributes={"a": "b"})
    (entry,) = (entry for _, entry in trail.search.page(asked()).entries)
    assert (entry.original, entry.deviation, entry.attributes) == ("…", ["agent"], {"a": "b"})
    assert isinstance(entry, Entry)
    assert trail.store.where == Where()
