"""Whatever is asked: an answer or a refusal with a reason, never a fault of ours, never a hang."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.conftest import BASE, Loki

GOOD = (
    '{app="a"} |= "x" | json | logfmt | y > 5 or z="w" | line_format "{{.a}}" | label_format b=c',
    'sum by (a, b) (rate({app=~".+"} | logfmt | unwrap duration(d) | __error__="" [5m] offset 1m)) > bool 1',
    'topk(3, count_over_time({app="a"} | pattern "<a> <_>" | drop a, b="c" [1m])) / on (a) group_left () vector(1)',
    'quantile_over_time(0.9, {app="a"} | json x="y[0]" | unwrap x [1m]) by (z)',
    'label_replace(count_over_time({app="a"} | regexp "(?P<m>.)" | keep m [1m]), "x", "$1", "m", "(.*)")',
)
PIECES = sorted({piece for query in GOOD for piece in query.replace("(", " ( ").replace(")", " ) ").split()})


def ask(loki: Loki, query: str, path: str = "query_range") -> None:
    answer = loki.get(path, query=query, **({"time": BASE} if path == "query" else {"step": "60"}))
    assert answer.status_code in (200, 400), (query, answer.status_code, answer.text[:300])
    if answer.status_code == 400:
        assert answer.text.strip()
    else:
        json.loads(answer.content)


@pytest.fixture(scope="module", autouse=True)
def lines(loki: Loki) -> Iterator[None]:
    loki.push(
        {"app": "a"}, '{"a":"1","y":[7],"z":"w"}', "d=5s x=1 y=6", "", "\x00\x1b[31mred", "1.5 200", "y=nan d=1h1"
    )
    yield


def mutations(count: int) -> Iterator[str]:
    rng = random.Random(4)  # noqa: S311
    for _ in range(count):
        query = list(rng.choice(GOOD))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(query))
            change = rng.randrange(4)
            if change == 0:
                del query[at]
            elif change == 1:
                query.insert(at, rng.choice('(){}[]|=!~<>"`\\,.0129abxyz %#\x00\n\té☃\U0001f600'))
            elif change == 2:
                query[at] = chr(rng.randrange(1, 0x2FF))
            else:
                end = min(len(query), at + rng.randint(1, 10))
                query[at:at] = query[at:end]
            if not query:
                query = ["x"]
        yield "".join(query)


def test_mutated_queries(loki: Loki) -> None:
    for query in mutations(150):
        ask(loki, query)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_queries_of_random_pieces(loki: Loki, query: str) -> None:
    ask(loki, query)


@settings(max_examples=25)
@given(st.text(max_size=30))
def test_values_of_any_text_reach_the_engine_as_values(loki: Loki, text: str) -> None:
    literal = json.dumps(text)
    for query in (f'{{app="a"}} |= {literal}', f'{{app="a"}} | logfmt | x={literal}', f'{{app={literal}, app="a"}}'):
        ask(loki, query)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(["query", "start", "end", "step", "limit", "direction", "time", "since", "interval"]),
        st.text(max_size=12),
    )
)
def test_parameters_of_any_text(loki: Loki, parameters: dict[str, str]) -> None:
    for path in ("query_range", "query", "labels", "series", "index/volume", "detected_fields", "patterns"):
        answer = loki.client.get(f"/loki/api/v1/{path}", params=parameters)
        assert answer.status_code in (200, 400), (path, parameters, answer.text[:200])
