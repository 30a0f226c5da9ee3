"""The console's page of the audit trail."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.asking import NOW, House, house
from tests.audit.test_search import event

from wardlight.audit.event import Agent, Coding, Concept, Reference
from wardlight.console import audit_router, router
from wardlight.problems import Unavailable
from wardlight.store.embedded import EmbeddedStore

EVIL = '"><script>alert(1)<img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def trail(module_store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(module_store, tmp_path_factory.mktemp("trail")) as made:
        made.app.include_router(audit_router(made.search, made.looks))
        made.app.include_router(router(None))  # type: ignore[arg-type]  # for its static files
        emergency = [Concept(coding=[Coding("urn:p", "ETREAT")])]
        made.add(
            event("17", record="Observation/4", recorded=NOW - 10**9, action="R"),
            event("17", user="bob", purpose=emergency),
            event(EVIL, agent=[Agent(who=Reference(display=EVIL), network=EVIL)], record=f"X/{EVIL}"),
            *[event("many", recorded=NOW - at) for at in range(60)],
        )
        yield made


def page(trail: House, **parameters: Any) -> str:
    answer = trail.client.get("/audit", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.text


def cells(text: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", text.partition("<tbody>")[2], re.DOTALL)
    plain = [[re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)] for row in rows]
    return [[html.unescape(cell).strip() for cell in row] for row in plain]


def test_a_question_is_answered_as_a_table(trail: House) -> None:
    newest, older = cells(page(trail, patient="17"))
    assert newest == [
        "2026-01-01 00:00:00",
        "bob",
        "",
        "Patient/17",
        "17",
        "emergency treatment (break the glass)",
        "",
        "",
        "1 proof",
    ]
    assert older == ["2025-12-31 23:59:59", "ann", "read", "Observation/4", "17", "", "", "", "0 proof"]


def test_each_row_leads_to_its_proof_and_the_answer_to_its_files(trail: House) -> None:
    text = html.unescape(page(trail, patient="17", since="2025-12-31"))
    links = re.findall(r'href="(/api/v1/audit[^"]*)"', text)
    assert "/api/v1/audit/1/proof" in links
    assert "/api/v1/audit?patient=17&since=2025-12-31&format=csv&proofs=true" in links
    assert "/api/v1/audit?patient=17&since=2025-12-31&format=pdf" in links
    for link in links:
        assert trail.client.get(link).status_code == 200, link


def test_pages_lead_on_without_javascript(trail: House) -> None:
    first = page(trail, patient="many")
    (older,) = re.findall(r'href="([^"]*)" rel="next"', first)
    second = trail.client.get(html.unescape(older)).text
    assert (len(cells(first)), len(cells(second)), 'rel="next"' in second) == (50, 10, False)
    assert "<script>" not in first


def test_nothing_is_asked_before_somebody_asks(trail: House) -> None:
    before = trail.looked()
    assert "Nothing is asked yet" in page(trail)
    assert trail.looked() == before
    page(trail, user="bob")
    assert trail.looked()[0] == ("local", "/audit?user=bob", "127.0.0.1")


def test_emergencies_are_asked_for_by_a_tick(trail: House) -> None:
    text = page(trail, break_glass="true")
    assert [row[8] for row in cells(text)] == ["1 proof"]
    assert 'value="true" checked' in text


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.acting: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ours = (dict(attrs).get("src") or "").startswith("/console/static/")
        if (tag in ("script", "img", "iframe", "style") and not ours) or any(
            name.startswith("on") or name == "style" for name, _ in attrs
        ):
            self.acting.append(tag)


def test_what_senders_and_askers_write_is_shown_and_does_nothing(trail: House) -> None:
    text = page(trail, patient=EVIL, user="", record="")
    assert Tags(text).acting == []
    assert len(cells(text)) == 1


def test_the_browser_is_told_to_run_nothing_and_keep_nothing(trail: House) -> None:
    headers = trail.client.get("/audit").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_question_that_makes_no_sense_is_explained(trail: House) -> None:
    answer = trail.client.get("/audit", params={"since": "yesterday", "patient": "17"})
    assert (answer.status_code, "a date is written as" in answer.text) == (400, True)
    assert 'value="yesterday"' in answer.text


def test_a_look_that_cannot_be_noted_is_refused(trail: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(trail.ledger, "submit", refuse)
    answer = trail.client.get("/audit", params={"patient": "17"})
    assert (answer.status_code, "the disk is full" in answer.text, cells(answer.text)) == (503, True, [])


def test_a_table_that_is_behind_says_so(trail: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail.search, "_settle", lambda: False)
    assert "Newer events are in the ledger" in page(trail, patient="17")


def test_every_heading_of_the_table_is_there_on_a_narrow_screen(trail: House) -> None:
    text = page(trail, patient="17")
    assert len(set(re.findall(r'data-head="(\w+)"', text))) == len(re.findall(r"<th ", text)) == 9
    css = (Path(__file__).parents[2] / "src/wardlight/console/static/console.css").read_text()
    assert "content: attr(data-head)" in css


@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["patient", "user", "record", "since", "until", "after", "break_glass", "ask"]),
            st.text(max_size=12),
        ),
        max_size=4,
    )
)
def test_whatever_is_asked_is_answered_or_refused(trail: House, pairs: list[tuple[str, str]]) -> None:
    answer = trail.client.get("/audit", params=pairs)
    assert answer.status_code in (200, 400)
    assert Tags(answer.text).acting == []
