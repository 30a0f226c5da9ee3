"""Who sees no patients learns nothing of them, whatever they ask; who may find a patient does, without being shown who it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import NOW
from tests.seeing import SECOND, batch_of, row, told_of

from wardlight.access.roles import SIGHTS, Role
from wardlight.clock import ManualClock
from wardlight.config import Query
from wardlight.problems import Problem
from wardlight.protect.keys import Keys
from wardlight.query import QueryService, Range, Reader
from wardlight.query.answer import MatrixAnswer, Streams, VectorAnswer
from wardlight.records import Sight
from wardlight.store.embedded import EmbeddedStore

KEYS = Keys.new().rotated()
SPELLED = {"one": "MRN-0047-11q", "two": "mrn004711Q"}
"""Two spellings of one identifier, which have one pseudonym: two worlds that masked readers can't tell apart."""
KNOWN = KEYS.pseudonym("mrn", SPELLED["one"])
BLIND = Sight(masked=True, finds=False)
OTHER = "MRN-0815-99"


@pytest.fixture(scope="module")
def service(module_store: EmbeddedStore) -> QueryService:
    for app, patient in SPELLED.items():
        module_store.insert([batch_of(told_of(patient, app))])
        module_store.insert([batch_of([row(10, "audit", f"read {OTHER}", labels={"app": app}, patient=OTHER)])])
    return QueryService(module_store, Query(), ManualClock(NOW + 60 * SECOND), lambda: KEYS)


def answer(service: QueryService, query: str, sight: Sight) -> str:
    """Ask for a minute from NOW; the answer or the problem, as text."""
    question = Range(query=query, start=NOW, end=NOW + 60 * SECOND, step=10 * SECOND, limit=1000)
    try:
        return str(service.range(question, Reader("r", "r", sight=sight)).result)
    except Problem as problem:
        return str(problem)


def lines(service: QueryService, query: str, sight: Sight) -> list[str]:
    question = Range(query=query, start=NOW, end=NOW + 60 * SECOND, step=SECOND, limit=1000)
    result = service.range(question, Reader("r", "r", sight=sight)).result
    assert isinstance(result, Streams)
    return [line.line for stream in result.streams for line in stream.lines]


# ---- what is asked ----

FRAGMENTS = (
    *SPELLED.values(),
    "MRN",
    "0047",
    "4711q",
    "11q",
    "-",
    KNOWN,
    KNOWN[:12],
    KNOWN[-6:],
    "Roe",
    "took",
    "chart",
    "pseudo",
    "audit",
)
NAMES = (
    "health_patient_id",
    "health_record_id",
    "user_id",
    "note",
    "reason",
    "subject",
    "patient_id",
    "guardian",
    "took",
    "patient",
    "who",
    "event_name",
    "status",
)
fragments = st.sampled_from(FRAGMENTS)
names = st.sampled_from(NAMES)
expressions = fragments.map(re.escape) | st.sampled_from(
    (".*[0-9]{4}.*", "^MRN.*", ".*[a-z]$", ".{12}", "pseudo:.*", "M.*|m.*")
)
functions = st.sampled_from(("upper", "lower", "len", "sha2", "alphaLong"))


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


line_filters = st.builds(lambda op, text: f"{op} {quoted(text)}", st.sampled_from(("|=", "!=")), fragments) | st.builds(
    lambda op, text: f"{op} {quoted(text)}", st.sampled_from(("|~", "!~")), expressions
)
label_filters = (
    st.builds(lambda name, op, text: f"| {name} {op} {quoted(text)}", names, st.sampled_from(("=", "!=")), fragments)
    | st.builds(
        lambda name, op, text: f"| {name} {op} {quoted(text)}", names, st.sampled_from(("=~", "!~")), expressions
    )
    | st.builds(lambda name, op: f"| {name} {op} 5", names, st.sampled_from((">", "<=", "==")))
    | st.builds(lambda name: f"| {name} > 5ms", names)
    | st.builds(lambda one, other, text: f'| {one} = {quoted(text)} or {other} = ""', names, names, fragments)
)
TEMPLATES = (
    "{{{{.{name}}}}}", "{{{{ len .{name} }}}}", "{{{{ .{name} | upper }}}}", "{{{{ substr 0 5 .{name} }}}}",
    '{{{{ regexReplaceAll "[0-9]" .{name} "#" }}}}', '{{{{ if eq .{name} "' + SPELLED["one"] + '" }}}}y{{{{ else }}}}n{{{{ end }}}}',
    '{{{{ if gt .{name} "N" }}}}y{{{{ end }}}}', "{{{{ __line__ | trunc 20 }}}} {{{{.{name}}}}}", '{{{{ .{name} | replace "-" "" }}}}',
    '{{{{ contains "0047" .{name} }}}}', "{{{{ b64enc .{name} }}}}", "{{{{ sha256sum .{name} }}}}", '{{{{ printf "%q" .{name} }}}}',
)  # fmt: skip
templates = st.builds(lambda template, name: template.format(name=name), st.sampled_from(TEMPLATES), names)
stages = (
    line_filters
    | label_filters
    | st.sampled_from(("| json", "| logfmt", "| logfmt --strict", '| json who="who"', "| unpack", "| decolorize",
                       '| regexp "(?P<x>[A-Za-z]+-?[0-9]+)"', '| pattern "<a> <b> <c>"', '| pattern "<_>chart <x> <_>"'))
    | st.builds(lambda text: f"| line_format {quoted(text)}", templates)
    | st.builds(lambda name, text: f"| label_format {name}={quoted(text)}", st.sampled_from(("x", "health_patient_id")), templates)
    | st.builds(lambda name: f"| label_format y={name}", names)
    | st.builds(lambda name: f"| drop {name}", names)
    | st.builds(lambda name, text: f"| keep {name}, x={quoted(text)}", names, fragments)
)  # fmt: skip
pipelines = st.lists(stages, max_size=4).map(" ".join)
METRICS = (
    "count_over_time({logs} [30s])", "bytes_over_time({logs} [30s])", "sum by ({name}) (count_over_time({logs} [30s]))",
    "topk(2, sum by ({name}) (rate({logs} [30s])))", "sum_over_time({logs} | unwrap {name} [30s])",
    'max_over_time({logs} | unwrap {name} | __error__="" [30s]) by (x)', "absent_over_time({logs} [30s])",
    "sort(sum by ({name}) (bytes_rate({logs} [30s])))", "quantile_over_time(0.9, {logs} | unwrap bytes({name}) [30s])",
    'label_replace(sum by ({name}) (count_over_time({logs} [30s])), "z", "$1", "{name}", "(.).*")',
)  # fmt: skip
questions = pipelines | st.builds(
    lambda metric, name, pipeline: metric.replace("{name}", name).replace("{logs}", "{logs} " + pipeline),
    st.sampled_from(METRICS), names, pipelines,
)  # fmt: skip


def query_of(question: str, app: str) -> str:
    logs = f'{{app="{app}"}}'
    return question.replace("{logs}", logs) if "{logs}" in question else f"{logs} {question}"


# ---- the rules ----

few = settings(max_examples=30)


@few
@given(questions)
def test_two_worlds_that_differ_in_an_identifier_answer_the_same(service: QueryService, question: str) -> None:
    one = answer(service, query_of(question, "one"), BLIND)
    two = answer(service, query_of(question, "two"), BLIND)
    assert one == two.replace("'two'", "'one'").replace('"two"', '"one"')


@few
@given(questions, st.sampled_from([sight for sight in SIGHTS.values() if sight.masked]))
def test_no_answer_has_an_identifier(service: QueryService, question: str, sight: Sight) -> None:
    for app in SPELLED:
        found = answer(service, query_of(question, app), sight)
        assert not [each for each in (*SPELLED.values(), OTHER, "Roe") if each in found]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("pipeline", ["", "| json", "| logfmt | __error__=~`.*`"])
def test_a_clear_identifier_finds_for_those_who_may(service: QueryService, role: Role, pipeline: str) -> None:
    sight = SIGHTS[role]
    query = f'{{app="one"}} {pipeline} | health_patient_id="{SPELLED["one"]}"'
    seen = sum(1 for each in told_of(SPELLED["one"]) if each["patient_id"] and each["kind"] in sight.kinds)
    assert len(lines(service, query, sight)) == (seen if sight.finds else 0)


def test_what_is_found_shows_the_pseudonym_only(service: QueryService) -> None:
    found = answer(service, f'{{app="one"}} | health_patient_id="{SPELLED["one"]}"', SIGHTS[Role.ADMINISTRATOR])
    assert KNOWN in found
    assert SPELLED["one"] not in found


@pytest.mark.parametrize("role", [role for role in Role if SIGHTS[role].masked])
def test_a_pseudonym_finds_by_the_key_that_made_it(service: QueryService, role: Role) -> None:
    old = Keys(KEYS.all[:1])
    for known in (KNOWN, old.pseudonym("mrn", SPELLED["one"]), old.pseudonym("nhs", SPELLED["one"])):
        assert lines(service, f'{{app="one", kind="application"}} | health_patient_id="{known}"', SIGHTS[role])


def test_other_spellings_of_one_identifier_are_one_patient(service: QueryService) -> None:
    query = (
        'count by (health_patient_id) (sum by (health_patient_id, app) (count_over_time({kind="application"}[60s])))'
    )
    result = service.instant(query, NOW + 59 * SECOND, Reader("r", "r", sight=BLIND)).result
    assert isinstance(result, VectorAnswer)
    assert {dict(one.labels).get("health_patient_id"): one.points[0][1] for one in result.series} == {
        None: 2.0,
        KNOWN: 2.0,
    }


def test_users_are_found_by_name_unless_they_are_the_patient(service: QueryService) -> None:
    assert len(lines(service, '{app="one", kind="application"} | user_id="u1"', BLIND)) == 3
    assert not lines(service, f'{{app="one"}} | user_id="{SPELLED["one"]}"', BLIND)


def test_lines_of_masked_audit_records_are_filtered_as_they_are_shown(service: QueryService) -> None:
    assert lines(service, '{app="one", kind="audit"} |= "record.access"', BLIND) == [
        "audit record.access Patient R success"
    ]
    assert not lines(service, '{app="one", kind="audit"} |= "Jane"', BLIND)
    assert lines(service, '{app="one", kind="application"} |= " chart pseudo:mrn:"', BLIND)


@pytest.mark.parametrize("role", Role)
def test_kinds_that_are_not_seen_are_not_there(service: QueryService, role: Role) -> None:
    reader = Reader("r", "r", sight=SIGHTS[role])
    kinds = service.label_values("kind", NOW, NOW + 60 * SECOND, "", reader)
    assert set(kinds) == SIGHTS[role].kinds
    result = service.range(
        Range(
            query='sum by (kind) (count_over_time({app="one"}[60s]))',
            start=NOW,
            end=NOW + 60 * SECOND,
            step=60 * SECOND,
        ),
        reader,
    ).result
    assert isinstance(result, MatrixAnswer)
    assert {dict(one.labels)["kind"] for one in result.series} == SIGHTS[role].kinds


def test_faults_are_told_without_what_was_asked(service: QueryService) -> None:
    query = f'{{app="one"}} |~ "{SPELLED["one"]}("'
    assert SPELLED["one"] not in answer(service, query, BLIND)
    assert "parse error" in answer(service, query, BLIND)
    assert SPELLED["one"] in answer(service, query, Sight())


def test_only_the_house_itself_asks_the_table(request: pytest.FixtureRequest) -> None:
    source = Path(request.config.rootpath) / "src" / "wardlight"
    asking = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(r'FROM logs\b|Rows\("logs"', path.read_text())
    }
    assert {path for path in asking if not path.startswith(("store/", "audit/"))} == {
        "query/sight.py",
        "query/streams.py",
    }
