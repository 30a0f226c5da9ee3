"""Answers to hand over: JSON, CSV, Bundle, PDF, and their proofs."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from tests.audit.asking import NOW, House, house
from tests.audit.test_search import event

from wardlight.audit import accounting
from wardlight.audit.event import Agent, Coding, Concept, Reference
from wardlight.audit.export import COLUMNS
from wardlight.ledger.note import Verifier
from wardlight.ledger.proof import Proof
from wardlight.problems import Unavailable
from wardlight.store.embedded import EmbeddedStore

DAY = 86_400 * 10**9
PATH = "/api/v1/audit"


@pytest.fixture(scope="module")
def trail(module_store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(module_store, tmp_path_factory.mktemp("trail")) as made:
        nurse = Agent(
            who=Reference(reference="Practitioner/u7"), name="Ann Łee", requestor=True, network="10.0.0.7",
            role=[Concept(text="nurse")], purpose=[Concept(coding=[Coding("urn:p", "ETREAT")])],
        )  # fmt: skip
        made.add(
            event("17", record="Observation/4", agent=[nurse], action="R", outcome="0", recorded=NOW - DAY),
            event("17", user="=cmd()", recorded=NOW - 3000 * DAY),
            event("漢", record="Observation/5"),
            event("17", "18", type=[Concept(coding=[Coding("urn:d", "110106", "Export")])], recorded=NOW - 2 * DAY,
                  agent=[Agent(name="sender"), Agent(name="Dr Insurance", type=Concept(coding=[Coding("urn:r", "IRCP")]))]),
            stream='{"service_name":"portal"}',
            deviation=["agent"],
        )  # fmt: skip
        made.large = made.add(event("large", outcome_text="x" * 70_000))[0]  # type: ignore[attr-defined]
        yield made


def get(trail: House, **parameters: Any) -> Any:
    answer = trail.client.get(PATH, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_page_of_json_has_a_row_an_event(trail: House) -> None:
    answer = get(trail, patient="17", limit=1).json()
    assert answer["entries"] == [
        {
            "time": "2025-12-31T00:00:00Z", "received": "2026-01-01T00:00:00Z", "user": "u7", "name": "Ann Łee",
            "role": "nurse", "action": "read", "record_type": "Observation", "record": "4", "patient": "17",
            "purpose": "emergency treatment", "outcome": "success", "from": "10.0.0.7", "service": "portal",
            "index": 0, "deviation": "agent", "break_glass": True, "what": "", "recipient": "Ann Łee",
        }
    ]  # fmt: skip
    rest = get(trail, patient="17", limit=5, after=answer["next"]).json()
    assert ([row["index"] for row in rest["entries"]], rest["next"], rest["complete"]) == ([3, 1], None, True)


def test_questions_are_asked_in_plain_words(trail: House) -> None:
    def indices(**parameters: Any) -> list[int]:
        return [row["index"] for row in get(trail, **parameters).json()["entries"]]

    assert indices(user="u7") == [0]
    assert indices(record="Observation/5") == [2]
    assert indices(break_glass=True) == [0]
    assert indices(disclosures=True) == [3]
    assert indices(patient="17", since="2025-12-30", until="2025-12-30") == [3]


def test_csv_has_a_line_an_event_and_nothing_that_a_spreadsheet_would_run(trail: House) -> None:
    answer = get(trail, patient="17", format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    head, *lines = csv.reader(io.StringIO(answer.text))
    assert tuple(head) == COLUMNS
    assert [line[head.index("index")] for line in lines] == ["0", "3", "1"]
    assert lines[0] == [
        "2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z", "u7", "nurse", "read", "Observation", "4", "17",
        "emergency treatment", "success", "10.0.0.7", "portal", "0", "agent",
    ]  # fmt: skip
    assert lines[2][head.index("user")] == "'=cmd()"


@given(text=st.text(st.sampled_from("=+-@\t\r\n'\",;x"), min_size=1, max_size=8))
def test_no_cell_begins_a_formula(text: str) -> None:
    from wardlight.audit.export import defused

    assert not defused(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert defused(text).removeprefix("'") == text.removeprefix("'")


def test_a_bundle_is_a_collection(trail: House) -> None:
    bundle = get(trail, patient="17", format="bundle").json()
    assert (bundle["type"], bundle["timestamp"]) == ("collection", "2026-01-01T00:00:00Z")
    assert [one["resource"]["id"] for one in bundle["entry"]] == ["0", "3", "1"]
    assert bundle["entry"][0]["fullUrl"] == "http://testserver/fhir/AuditEvent/0"
    assert "entry" not in get(trail, patient="nobody", format="bundle").json()


@pytest.mark.parametrize(("format_", "name"), [("csv", "audit.csv"), ("bundle", "audit.json")])
def test_a_zip_has_a_proof_of_each_event(trail: House, format_: str, name: str) -> None:
    answer = get(trail, patient="17", format=format_, proofs=True)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [name, *(f"proofs/{at}.tlog-proof" for at in (0, 3, 1)), "README.txt"]
        vkey = trail.ledger.vkey
        for at in (0, 1, 3):
            proof = Proof.parse(archive.read(f"proofs/{at}.tlog-proof").decode())
            proof.check(Verifier.parse(vkey))
            assert (proof.index, proof.entry) == (at, trail.ledger.read(at, 1)[0])
        assert vkey in archive.read("README.txt").decode()


def test_the_command_of_the_readme_checks_a_proof(trail: House, tmp_path: Path) -> None:
    answer = get(trail, patient="large", format="csv", proofs=True)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    readme = (tmp_path / "README.txt").read_text()
    command = next(line for line in readme.splitlines() if line.strip().startswith("wardlight ledger check"))
    index = str(trail.large)  # type: ignore[attr-defined]
    words = command.replace("INDEX", index).replace("KEY", trail.ledger.vkey).split()[1:]
    words += ["--event", f"proofs/{index}.event"]
    done = subprocess.run(
        [sys.executable, "-m", "wardlight", *words], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, "the proof is right" in done.stdout) == (0, True), done.stderr
    assert f"proofs/{index}.event is the event of the entry" in done.stdout


def test_one_event_is_proven_by_itself(trail: House) -> None:
    answer = trail.client.get(f"{PATH}/0/proof")
    assert Proof.parse(answer.text).index == 0
    assert answer.headers["content-disposition"] == 'attachment; filename="0.tlog-proof"'
    assert trail.client.get(f"{PATH}/99999/proof").status_code == 404


# The accounting of disclosures


def paper(trail: House, **parameters: Any) -> PdfReader:
    return PdfReader(io.BytesIO(get(trail, format="pdf", **parameters).content))


def text_of(reader: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


def test_the_accounting_says_to_whom_what_why_and_when(trail: House) -> None:
    text = text_of(paper(trail, patient="17"))
    assert "Accounting of disclosures Patient 17" in text
    assert "from 01 January 2020 to 31 December 2025: 2 entries" in text
    assert "2025-12-31 00:00:00 Ann Łee, nurse read; Observation/4 emergency treatment 10.0.0.7 0" in text
    assert "2025-12-30 00:00:00 Dr Insurance Export" in text
    assert trail.ledger.vkey in text


def test_disclosures_can_be_listed_alone(trail: House) -> None:
    text = text_of(paper(trail, patient="17", disclosures=True))
    assert "1 entry, the newest first" in text
    assert "Ann" not in text


def test_proofs_are_attached_to_the_accounting(trail: House) -> None:
    attachments = paper(trail, patient="17", proofs=True).attachments
    assert sorted(attachments) == ["0.tlog-proof", "3.tlog-proof", "README.txt"]
    Proof.parse(attachments["3.tlog-proof"][0].decode()).check(Verifier.parse(trail.ledger.vkey))


def test_a_character_that_the_font_lacks_is_marked_and_told(trail: House) -> None:
    text = text_of(paper(trail, patient="漢"))
    assert "Patient \N{REPLACEMENT CHARACTER}" in text
    assert "stands for a character that this document's font lacks" in text
    assert "font lacks" not in text_of(paper(trail, patient="17"))


def test_equal_answers_are_equal_files(trail: House) -> None:
    assert get(trail, patient="17", format="pdf").content == get(trail, patient="17", format="pdf").content


def test_an_accounting_is_of_one_patient_and_bounded(trail: House, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = trail.client.get(PATH, params={"format": "pdf", "user": "u7"})
    assert (answer.status_code, "one patient" in answer.json()["error"]) == (400, True)
    monkeypatch.setattr(accounting, "MOST", 1)
    answer = trail.client.get(PATH, params={"format": "pdf", "patient": "17"})
    assert (answer.status_code, "ask for a shorter time" in answer.json()["error"]) == (413, True)


def test_nothing_recorded_is_said(trail: House) -> None:
    assert "Nothing is recorded." in text_of(paper(trail, patient="nobody"))


# Refusals and looks


def test_each_file_and_page_is_a_look(trail: House) -> None:
    get(trail, patient="17", format="csv")
    trail.client.get(f"{PATH}/0/proof")
    assert trail.looked()[:2] == [
        ("local", f"{PATH}/0/proof", "127.0.0.1"),
        ("local", f"{PATH}?patient=17&format=csv", "127.0.0.1"),
    ]


def test_no_file_begins_that_could_not_be_whole(trail: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail.search, "_settle", lambda: False)
    for format_ in ("csv", "bundle", "pdf"):
        assert trail.client.get(PATH, params={"patient": "17", "format": format_}).status_code == 503
    assert get(trail, patient="17").json()["complete"] is False


def test_a_look_that_cannot_be_noted_is_refused(trail: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(trail.ledger, "submit", refuse)
    for path in (PATH, f"{PATH}/0/proof"):
        assert trail.client.get(path).status_code == 503


NAMES = st.sampled_from(
    ["patient", "user", "record", "since", "until", "limit", "after", "break_glass", "format", "proofs"]
)
VALUES = st.one_of(st.text(max_size=20), st.sampled_from(["csv", "pdf", "true", "2026", "Patient/17", "9" * 20, "-1"]))


@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_whatever_is_asked_is_answered_or_refused(trail: House, pairs: list[tuple[str, str]]) -> None:
    assert trail.client.get(PATH, params=pairs).status_code in (200, 400, 422)
