"""Loki's API as Grafana, logcli and scripts use it, over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time

import httpx
import pytest
from tests.api.conftest import BASE, Loki
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


def test_lines_come_newest_first_with_times_as_text(loki: Loki) -> None:
    loki.push({"app": "order"}, "one", "two", "three")
    data = loki.get("query_range", query='{app="order"}', limit=2).json()["data"]
    assert data["resultType"] == "streams"
    assert data["result"] == [
        {"stream": {"app": "order"}, "values": [[str(BASE + 2 * 10**9), "three"], [str(BASE + 10**9), "two"]]}
    ]


def test_metadata_folds_into_the_stream_unless_it_is_asked_for_apart(loki: Loki) -> None:
    loki.push({"app": "meta"}, (0, "x=1", {"user_id": "u1", "shift": "night"}))
    query = '{app="meta"} | logfmt'
    [folded] = loki.get("query_range", query=query).json()["data"]["result"]
    assert folded["stream"] == {"app": "meta", "user_id": "u1", "shift": "night", "x": "1"}
    answer = loki.client.get(
        "/loki/api/v1/query_range",
        params={"query": query, "start": BASE, "end": BASE + 10**9},
        headers={"X-Loki-Response-Encoding-Flags": "categorize-labels"},
    ).json()["data"]
    assert answer["encodingFlags"] == ["categorize-labels"]
    assert answer["result"] == [
        {
            "stream": {"app": "meta"},
            "values": [
                [str(BASE), "x=1", {"structuredMetadata": {"user_id": "u1", "shift": "night"}, "parsed": {"x": "1"}}]
            ],
        }
    ]


@pytest.mark.parametrize(
    ("stages", "lines"),
    [
        ('|= "GET"', ["GET /a 200", "GET /b 500"]),
        ('!= "GET"', ["POST /a 404"]),
        ('|~ "[45]\\\\d\\\\d$"', ["GET /b 500", "POST /a 404"]),
        ('|> "GET <_> 200"', ["GET /a 200"]),
        ('| pattern "<method> <path> <status>" | status >= 404', ["GET /b 500", "POST /a 404"]),
        ('| regexp "(?P<m>\\\\w+) (?P<p>\\\\S+)" | m="POST"', ["POST /a 404"]),
        ('| line_format "{{ __line__ | lower }}"', ["get /a 200", "get /b 500", "post /a 404"]),
        ('| line_format "{{ __line__ | lower }}" |= "post"', ["post /a 404"]),
        (
            '| pattern "<m> <_>" | label_format n="{{ .m | lower | trunc 1 }}" | n="g" | line_format "{{.n}}"',
            ["g", "g"],
        ),
    ],
)
def test_stages(loki: Loki, stages: str, lines: list[str]) -> None:
    loki.push({"app": "stages"}, "GET /a 200", "GET /b 500", "POST /a 404")
    assert loki.lines('{app="stages"} ' + stages) == lines


def test_json_that_breaks_off_gives_what_stood_before_and_an_error(loki: Loki) -> None:
    loki.push({"app": "broken"}, '{"a": 1.50, "b": {"c": "x\\ty"}, "d": [1, {"e": 2}], "f": "unfin', "not json")
    answer = loki.get("query_range", query='{app="broken"} | json', direction="forward").json()["data"]["result"]
    found = {stream["values"][0][1]: stream["stream"] for stream in answer}
    assert found["not json"]["__error__"] == "JSONParserErr"
    [cut] = [labels for line, labels in found.items() if line != "not json"]
    assert (cut["a"], cut["b_c"], cut["__error__"]) == ("1.50", "x\ty", "JSONParserErr")
    assert cut["__error_details__"] == "Value is string, but can't find closing '\"' symbol"


def test_metrics(loki: Loki) -> None:
    loki.push({"app": "metric", "level": "info"}, *[(at, "v=1") for at in range(1, 5)])
    loki.push({"app": "metric", "level": "error"}, (1, "v=5"), (2, "v=7"))
    assert loki.series('sum by (level) (count_over_time({app="metric"}[1h]))') == {"level=info": 4, "level=error": 2}
    assert loki.series('topk(1, sum by (level) (sum_over_time({app="metric"} | logfmt | unwrap v [1h])))') == {
        "level=error": 12
    }
    assert loki.series(
        'sum(count_over_time({app="metric", level="error"}[1h])) / sum(count_over_time({app="metric"}[1h]))'
    ) == {"": pytest.approx(1 / 3)}


def test_grafanas_health_check(loki: Loki) -> None:
    answer = loki.get("query", query="vector(1)+vector(1)", time="4000000000")
    [sample] = answer.json()["data"]["result"]
    assert sample["value"][1] == "2"


def test_labels_values_and_series(loki: Loki) -> None:
    loki.push({"app": "names", "pod": "a"}, "x")
    loki.push({"app": "names", "pod": "b"}, "x")
    assert {"app", "pod"} <= set(loki.get("labels").json()["data"])
    assert loki.get("label/pod/values", query='{app="names"}').json() == {"status": "success", "data": ["a", "b"]}
    for name in ("match", "match[]"):
        answer = loki.client.get(
            "/loki/api/v1/series", params={name: '{app="names"}', "start": BASE, "end": BASE + 10**9}
        )
        assert answer.json()["data"] == [{"app": "names", "pod": "a"}, {"app": "names", "pod": "b"}]


def test_what_lies_outside_the_time_range_is_not_found(loki: Loki) -> None:
    loki.push({"app": "edge"}, (0, "first"), (10, "last"))
    assert loki.lines('{app="edge"}', start=BASE, end=BASE + 10 * 10**9) == ["first"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"query": '{app="x"'}, "unexpected $end, expecting } or ,"),
        ({"query": '{app="x"}', "start": "20", "end": "10"}, "end timestamp must not be before or equal to start time"),
        ({"query": '{app="x"}', "step": "0"}, "zero or negative query resolution step"),
        ({"query": '{app="x"}', "step": "1ms"}, "exceeded maximum resolution of 11,000 points"),
        ({"query": '{app="x"}', "interval": "-1"}, "interval must be >= 0"),
        ({"query": '{app="x"}', "limit": "0"}, "limit must be a positive value"),
        ({"query": '{app="x"}', "limit": "5001"}, "query.max_entries"),
        ({"query": '{app="x"}', "start": "1", "end": str(BASE)}, "query.max_range_days"),
        ({"query": '{app="x"}', "direction": "up"}, "invalid direction 'up'"),
        ({"query": '{app="x"}', "start": "yesterday"}, "could not parse 'start' parameter"),
        ({"query": '{app="x"} | label_format x="{{"'}, "unclosed action"),
        ({"query": '{app="x"} | json a="b["'}, "cannot parse expression"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_plain_text(
    loki: Loki, parameters: dict[str, str], message: str
) -> None:
    answer = loki.get("query_range", **parameters)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert message in answer.text


def test_logs_are_refused_at_one_moment(loki: Loki) -> None:
    answer = loki.get("query", query='{app="x"}', time=BASE)
    assert answer.status_code == 400
    assert answer.text.startswith("log queries are not supported as an instant query type")


def test_times_are_read_in_all_their_spellings(loki: Loki) -> None:
    loki.push({"app": "times"}, "here")
    seconds = BASE // 10**9
    for start in (
        str(seconds),
        f"{seconds}.0",
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00.000000000+01:00",
        str(BASE),
    ):
        assert loki.lines('{app="times"}', start=start, end=str(BASE + 1)) == ["here"]


def test_long_answers_are_compressed_for_those_who_take_it(loki: Loki) -> None:
    loki.push({"app": "long"}, *["x" * 100] * 20)
    with (
        httpx.Client(base_url=loki.client.base_url, headers={"Accept-Encoding": "gzip"}) as client,
        client.stream(
            "GET", "/loki/api/v1/query_range", params={"query": '{app="long"}', "start": BASE, "end": BASE + 10**11}
        ) as answer,
    ):
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(raw))["status"] == "success"


def test_questions_may_come_as_a_form(loki: Loki) -> None:
    loki.push({"app": "form"}, "x")
    answer = loki.client.post(
        "/loki/api/v1/query_range", data={"query": '{app="form"}', "start": str(BASE), "end": str(BASE + 10**9)}
    )
    assert len(answer.json()["data"]["result"]) == 1


def test_detected_fields(loki: Loki) -> None:
    loki.push(
        {"app": "fields"}, (0, '{"took":"5ms","http":{"status":200}}', {"shift": "night"}), (1, "size=5KB ok=true")
    )
    answer = loki.get("detected_fields", query='{app="fields"}').json()
    fields = {field.pop("label"): field for field in answer["fields"]}
    assert fields["shift"] == {"type": "string", "cardinality": 1, "parsers": None}
    assert fields["took"] == {"type": "duration", "cardinality": 1, "parsers": ["json"], "jsonPath": ["took"]}
    assert fields["http_status"] == {
        "type": "int",
        "cardinality": 1,
        "parsers": ["json"],
        "jsonPath": ["http", "status"],
    }
    assert fields["size"] == {"type": "bytes", "cardinality": 1, "parsers": ["logfmt"]}
    assert fields["ok"]["type"] == "boolean"
    values = loki.get("detected_field/http_status/values", query='{app="fields"}').json()
    assert values == {"values": ["200"], "limit": 1000}


def test_detected_labels_leave_out_identifiers(loki: Loki) -> None:
    loki.push({"app": "ids", "build": "17"}, "x")
    found = {
        each["label"]: each["cardinality"]
        for each in loki.get("detected_labels", query='{app="ids"}').json()["detectedLabels"]
    }
    assert found == {"app": 1}


def test_how_much_there_is(loki: Loki) -> None:
    loki.push({"app": "much", "pod": "a"}, "12345", (7200, "1234567"))
    loki.push({"app": "much", "pod": "b"}, "1")
    stats = loki.get("index/stats", query='{app="much"}').json()
    assert (stats["streams"], stats["bytes"], stats["entries"]) == (2, 6, 2)
    volume = loki.get("index/volume", query='{app="much"}', targetLabels="pod").json()["data"]
    assert volume["resultType"] == "vector"
    assert [(each["metric"], each["value"][1]) for each in volume["result"]] == [
        ({"pod": "a"}, "5"),
        ({"pod": "b"}, "1"),
    ]
    over_time = loki.get("index/volume_range", query='{app="much"}', end=BASE + 3 * 3600 * 10**9, step="3600").json()[
        "data"
    ]
    assert over_time["resultType"] == "matrix"


def test_patterns(loki: Loki) -> None:
    loki.push({"app": "patterns", "level": "info"}, *[f"user {n} logged in after {n}ms" for n in range(5)])
    [found] = loki.get("patterns", query='{app="patterns"}', step="60s").json()["data"]
    assert found == {"pattern": "user <_> logged in after <_>", "level": "info", "samples": [[BASE // 10**9, 5]]}


def test_a_query_is_laid_out(loki: Loki) -> None:
    answer = loki.get("format_query", query='sum(rate({a="b"}[5m]))by(c)')
    assert answer.json() == {"status": "success", "data": 'sum by (c)(rate({a="b"}[5m]))'}
    refused = loki.get("format_query", query="sum(")
    assert (refused.status_code, refused.json()["status"]) == (400, "invalid-query")


def test_what_clients_ask_at_their_start(loki: Loki) -> None:
    assert loki.get("status/buildinfo").json()["version"] >= "3.2"
    assert loki.client.get("/ready").text == "ready\n"
    assert loki.get("drilldown-limits").json()["limits"]["max_query_series"] == 5000
    assert loki.client.get("/loki/api/v2alpha/tail").status_code == 404


async def test_new_lines_are_followed(loki: Loki) -> None:
    now = time.time_ns()
    query = "%7Bapp%3D%22tail%22%7D"
    async with connect(f"ws://127.0.0.1:{loki.port}/loki/api/v1/tail?query={query}&limit=10") as socket:
        await asyncio.sleep(0.7)
        push = {"streams": [{"stream": {"app": "tail"}, "values": [[str(now), "new"]]}]}
        await asyncio.to_thread(lambda: loki.push_streams(push["streams"]))
        message = json.loads(await asyncio.wait_for(socket.recv(), 15))
    assert message["streams"] == [{"stream": {"app": "tail"}, "values": [[str(now), "new"]]}]


async def test_a_tail_that_makes_no_sense_is_refused_before_it_begins(loki: Loki) -> None:
    for query in ("query=%7Bapp", "query=%7Ba%3D%22b%22%7D&delay_for=6"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{loki.port}/loki/api/v1/tail?{query}"):
                pass
        assert refused.value.response.status_code == 400


def test_a_reader_has_a_limit_of_running_queries(loki: Loki) -> None:
    statuses: list[int] = []

    def ask() -> None:
        answer = httpx.get(
            f"{loki.client.base_url}/loki/api/v1/query_range",
            params={"query": 'sum(count_over_time({app=~".+"} | json | __error__="" [1m]))', "start": BASE, "end": BASE + 10**11},
            headers={"X-Scope-OrgID": "busy"}, timeout=60,
        )  # fmt: skip
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 429}
    assert 200 in statuses


def test_a_line_after_the_last_step_is_in_no_window(loki: Loki) -> None:
    loki.push({"app": "unaligned"}, (0, "first"), (60, "in the last window"), (70, "after the last step"))
    answer = loki.get(
        "query_range", query='count_over_time({app="unaligned"}[30s])', step="30", start=BASE, end=BASE + 75 * 10**9
    )
    assert answer.status_code == 200, answer.text
    values = answer.json()["data"]["result"][0]["values"]
    assert [(at - BASE // 10**9, value) for at, value in values] == [(0, "1"), (60, "1")]
