"""The console's page of the logs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.conftest import NOW
from tests.console.asking import HOSTILE, SECOND, Pages, links, pages, text_of

from wardlight.access.roles import Role
from wardlight.console.logs import MORE, PAGE, LogDesk, router
from wardlight.console.saved import SavedQueries
from wardlight.store.embedded import EmbeddedStore

ALL = '{kind=~".+"}'


@pytest.fixture
def logs(store: EmbeddedStore, tmp_path: Path) -> Iterator[Pages]:
    with pages(store, tmp_path) as made:
        yield made.serve(router(LogDesk(made.queries, SavedQueries(made.state, made.clock))))


def lines(source: str) -> list[str]:
    return [text_of(found).strip() for found in re.findall(r'<bdi class="text">(.*?)</bdi>', source, re.DOTALL)]


def test_without_a_question_it_shows_the_last_hour_but_the_audit_trail(logs: Pages) -> None:
    logs.add("first", "second")
    logs.add("who looked", kind="audit")
    logs.add("long ago", ago=7200)
    assert lines(logs.get("/logs")) == ["second", "first"]
    assert not logs.looks


def test_the_trail_is_shown_on_demand_and_the_look_is_noted(logs: Pages) -> None:
    logs.add("who looked", kind="audit")
    assert lines(logs.get("/logs", query='{kind="audit"}')) == ["who looked"]
    assert ("local", '{kind="audit"}') in logs.looks


def test_a_reader_sees_the_kinds_of_their_role_only(logs: Pages) -> None:
    logs.add("signed in", kind="security")
    logs.add("started")
    logs.as_role(Role.DEVELOPER)
    assert lines(logs.get("/logs", query=ALL)) == ["started"]


def test_a_patient_is_a_pseudonym_for_those_who_see_masked(logs: Pages) -> None:
    logs.add("opened", kind="audit", health_patient_id="WC000017")
    logs.as_role(Role.ADMINISTRATOR)
    (link,) = links(logs.get("/logs", query='{kind="audit"}'), "/logs/line")
    assert "WC000017" not in logs.get(link)
    logs.as_role(Role.PRIVACY)
    assert "WC000017" in logs.get(link)


def test_a_broken_question_is_shown_with_the_place_where_it_is_wrong(logs: Pages) -> None:
    page = logs.get("/logs", 400, query='{kind="error"} |= foo')
    assert "parse error at line 1, col 19" in text_of(page)
    assert "|= <mark>f</mark>oo" in page


def test_a_question_that_ends_too_early_is_marked_at_its_end(logs: Pages) -> None:
    assert "sum by (<mark>⟨here⟩</mark>" in logs.get("/logs", 400, query="sum by (")


def test_the_place_is_right_beyond_other_scripts(logs: Pages) -> None:
    assert "|= <mark>f</mark>oo" in logs.get("/logs", 400, query='{kind="größe 😀"} |= foo')


@pytest.mark.parametrize("since", ["tomorrow", "99d", "-1h", "<b>"])
def test_a_span_that_is_not_offered_is_the_last_hour(logs: Pages, since: str) -> None:
    assert 'value="1h" selected' in logs.get("/logs", since=since)


@pytest.mark.parametrize(
    ("start", "end"), [("yesterday", ""), ("2026-01-02", "2026-01-01"), ("1000-01-01", "2026-01-01"), ("", "9" * 19)]
)
def test_a_time_that_makes_no_sense_is_said(logs: Pages, start: str, end: str) -> None:
    assert 'role="alert"' in logs.get("/logs", 400, start=start, end=end)


def test_lines_between_two_moments(logs: Pages) -> None:
    logs.add("then", ago=7200)
    logs.add("now")
    assert lines(logs.get("/logs", start="2025-12-31 21:30", end="2025-12-31T22:30:00+00:00")) == ["then"]


def test_the_histogram_counts_all_lines_by_level_also_those_that_a_stage_cannot_read(logs: Pages) -> None:
    logs.add("a", "b", ago=1790)
    logs.add("c", level="error", ago=50)
    page = logs.get("/logs", query=ALL + " | json")
    assert "3 lines over time; at most 2 in 1 min" in page
    table = page.partition('class="as-table"')[2].partition("</table>")[0]
    assert re.findall(r"<th[^>]*>(.*?)</th>", table)[1:] == ["error", "info", "All"]
    assert re.findall(r"<td>(\d*)</td>", table) == ["", "2", "2", "1", "", "1"]


def test_a_bar_of_the_table_leads_to_its_lines(logs: Pages) -> None:
    logs.add("a", "b", ago=1790)
    logs.add("c", ago=50)
    table = logs.get("/logs").partition('class="as-table"')[2].partition("</table>")[0]
    first, second = links(table, "/logs?")
    assert (lines(logs.get(first)), lines(logs.get(second))) == (["b", "a"], ["c"])


def test_numbers_are_shown_as_series(logs: Pages) -> None:
    logs.add("a", "b", level="warn")
    page = text_of(logs.get("/logs", query="sum by (level) (count_over_time(" + ALL + "[1h]))"))
    assert "level=warn" in page


def test_chips_narrow_and_widen(logs: Pages) -> None:
    logs.add("a", level="warn")
    logs.add("b", kind="security")
    page = logs.get("/logs", query=ALL + ' |= "a"')
    (narrow,) = [link for link in links(page, "query=") if 'level="warn"' in parse_qs(urlsplit(link).query)["query"][0]]
    narrowed = logs.get(narrow)
    assert lines(narrowed) == ["a"]
    assert 'aria-current="true">warn' in narrowed
    (wide,) = re.findall(r'href="([^"]*)" aria-current="true">warn', narrowed)
    assert parse_qs(urlsplit(wide.replace("&amp;", "&")).query)["query"] == [ALL + ' |= "a"']


def test_older_lines_follow_without_gap_or_repetition_though_many_are_of_one_moment(logs: Pages) -> None:
    for batch in range(3):
        logs.add(*(f"{batch} {at}" for at in range(200)), ago=60 + batch)
    for at in range(100):
        logs.add(f"tie {at}", ago=120)
    for at in range(20):
        logs.add(*(f"{at} tie {part}" for part in range(50)), ago=150, step=0)
    seen, page = [], logs.get("/logs", query=ALL)
    while True:
        rows = lines(page)
        assert len(rows) <= MORE
        seen += rows
        further = links(page, "/logs/more")
        if not further:
            break
        page = logs.get(further[0])
    assert len(seen) == len(set(seen)) == 1700


def test_what_is_loaded_later_is_written_as_what_came_with_the_page(logs: Pages) -> None:
    logs.add(*(f"line {at}" for at in range(PAGE + 1)))
    page = logs.get("/logs")
    (more,) = links(page, "/logs/more")
    row = re.compile(r'<li class="row.*?</li>', re.DOTALL)
    strip = re.compile(r"line \d+|at=\d+|\d\d:\d\d:\d\d\.\d+Z?")
    assert strip.sub("", row.findall(logs.get(more))[0]) == strip.sub("", row.findall(page)[0])


def test_a_line_has_its_labels_metadata_and_what_the_question_parsed(logs: Pages) -> None:
    logs.add('{"took": "17 ms"}', request_id="r1", trace_id="ab" * 16)
    (link,) = links(logs.get("/logs"), "/logs/line")
    found = text_of(logs.get(link + "&query=%7Bkind%3D~%22.%2B%22%7D+%7C+json"))
    for part in ("service_name clinic", "request_id r1", "Parsed by the query took 17 ms", '{"took": "17 ms"}'):
        assert part in found
    (trace,) = links(logs.get(link), "trace_id")
    assert lines(logs.get(trace)) == ['{"took": "17 ms"}']


def test_a_line_is_shown_with_those_around_it_in_its_stream(logs: Pages) -> None:
    logs.add(*(f"line {at:02}" for at in range(30)))
    logs.add("elsewhere", service_name="other")
    page = logs.get("/logs", query='{service_name="clinic"} |= "line 15"')
    found = lines(logs.get(links(page, "/logs/line")[0]))
    assert found == [f"line {at:02}" for at in range(25, 4, -1)]


def test_lines_around_are_looked_for_far_away_too(logs: Pages) -> None:
    logs.add("a week ago", ago=7 * 86_400)
    logs.add("now")
    (link,) = links(logs.get("/logs"), "/logs/line")
    assert lines(logs.get(link)) == ["now", "a week ago"]


@pytest.mark.parametrize("stream", ["", "{}", "[]", "nonsense", '{"a":1}', '{"a":"b"', '{"a"="b"}'])
def test_what_is_no_stream_is_refused(logs: Pages, stream: str) -> None:
    logs.get("/logs/line", 400, at=NOW, stream=stream)


def test_a_question_is_kept_under_a_name_by_its_owner(logs: Pages) -> None:
    answer = logs.client.post("/logs/saved", data={"name": "mine <b>", "query": '{kind="error"}'})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/logs?query=%7Bkind%3D%22error%22%7D")
    assert "mine &lt;b&gt;" in logs.get("/logs")
    logs.as_role(Role.SUPPORT, "bob")
    assert "mine &lt;b&gt;" not in logs.get("/logs")


def test_a_shared_question_is_there_for_everybody_and_deleted_by_its_owner_only(logs: Pages) -> None:
    logs.client.post("/logs/saved", data={"name": "ours", "query": ALL, "shared": "true"})
    logs.as_role(Role.SUPPORT, "bob")
    page = logs.get("/logs")
    assert "ours" in page
    assert "Delete ours" not in page
    assert logs.client.post("/logs/saved/1/delete").status_code == 404
    logs.as_role(Role.SUPPORT, "local")
    assert logs.client.post("/logs/saved/1/delete").status_code == 303
    assert "Saved questions (0)" in logs.get("/logs")


def test_keeping_again_under_the_same_name_replaces(logs: Pages) -> None:
    for query in ('{kind="error"}', '{kind="audit"}'):
        logs.client.post("/logs/saved", data={"name": "mine", "query": query})
    assert "Saved questions (1)" in logs.get("/logs")


@pytest.mark.parametrize(
    "given", [{"name": "", "query": ALL}, {"name": "x", "query": "{"}, {"name": "x" * 101, "query": ALL}]
)
def test_what_cannot_be_kept_is_said_on_the_page(logs: Pages, given: dict[str, str]) -> None:
    answer = logs.client.post("/logs/saved", data=given)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_lines_as_csv_hold_no_formula(logs: Pages) -> None:
    logs.add("=HYPERLINK(1)", 'a,b\n"c"', note="@SUM(1)")
    rows = list(csv.DictReader(io.StringIO(logs.get("/logs/download", query=ALL, format="csv"))))
    assert [row["line"] for row in rows] == ['a,b\n"c"', "'=HYPERLINK(1)"]
    assert rows[0]["note"] == "'@SUM(1)"


def test_lines_as_ndjson_are_whole(logs: Pages) -> None:
    logs.add(HOSTILE * 10)
    (line,) = logs.get("/logs/download", query=ALL, format="ndjson").splitlines()
    found = json.loads(line)
    assert found["line"] == HOSTILE * 10
    assert found["labels"]["service_name"] == "clinic"
    assert found["time"] == "2025-12-31T23:59:00Z"


def test_a_file_is_saved_not_shown(logs: Pages) -> None:
    answer = logs.client.get("/logs/download", params={"query": ALL, "format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="logs.csv"'
    logs.get("/logs/download", 400, query=ALL, format="html")


def test_new_lines_are_told_as_rows(logs: Pages) -> None:
    logs.add("fresh", ago=1)
    logs.add("before", ago=30)
    told = logs.get("/logs/tail", query=ALL, since=NOW - 2 * SECOND)
    assert "retry: 500" in told
    assert lines(told) == ["fresh"]
    assert f"id: {NOW - SECOND + 1}" in told


def test_whoever_comes_back_is_told_what_was_missed(logs: Pages) -> None:
    logs.add("missed", ago=20)
    answer = logs.client.get("/logs/tail", params={"query": ALL}, headers={"Last-Event-ID": str(NOW - 30 * SECOND)})
    assert lines(answer.text) == ["missed"]


def test_following_tells_that_nothing_is_new(logs: Pages) -> None:
    assert "event: still" in logs.get("/logs/tail", query=ALL)


def test_numbers_cannot_be_followed(logs: Pages) -> None:
    logs.get("/logs/tail", 400, query="sum(rate(" + ALL + "[1m]))")


def test_a_hostile_line_is_only_text_wherever_it_is_shown(logs: Pages) -> None:
    logs.add(HOSTILE, service_name=HOSTILE, note=HOSTILE, user_id=HOSTILE)
    page = logs.get("/logs")
    (link,) = links(page, "/logs/line")
    told = logs.get("/logs/tail", query=ALL, since=NOW - 60 * SECOND)
    for source in (page, logs.get(link), logs.get(link + "&part=details"), told):
        assert "&lt;script&gt;alert(1)" in source
        assert "<script>alert" not in source
        assert "<img" not in source
        assert "{{ 7*7 }}" in source
        assert "\x1b" not in source
        assert "\u202e" not in source


def test_a_page_of_long_hostile_lines_stays_small(logs: Pages) -> None:
    logs.add(*('"<' * 5000 for _ in range(PAGE)), service_name="<" * 200, level="error")
    assert len(logs.get("/logs").encode()) < 200_000
