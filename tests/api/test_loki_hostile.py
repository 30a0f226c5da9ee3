"""Whatever is asked, the answer is an answer or a refusal with a reason: never a fault, never a hang."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import NOW, batch
from tests.seeing import Gate

from wardlight.api import loki
from wardlight.clock import ManualClock
from wardlight.config import Query
from wardlight.protect.keys import Keys
from wardlight.query import QueryService
from wardlight.query.reference import SECTIONS
from wardlight.store.embedded import EmbeddedStore

CASES = Path(os.environ.get("WARDLIGHT_CONFORMANCE", "../shared/conformance")) / "logql/parse_cases.json"
EXAMPLES = [element.example for _, elements in SECTIONS for element in elements]
PIECES = [
    '{app="a"}', "{", "}", '"', "`", "|=", "|~", "| json", "| logfmt", "| unwrap x", "[1m]", "[0s]", "rate(", "sum by (a) (",
    "topk(", ")", "1e400", "-", "^", "% 0", "/ 0", "offset -1h", "or", "unless", '| line_format "{{.a"', '|~ "("', "\\", "'",
    "; DROP TABLE logs", "file('/etc/passwd')", "{p0:String}", "\0", "é", "\ud7ff", "#", "/*", "--", " ",
]  # fmt: skip


@pytest.fixture(scope="module")
def asked(module_store: EmbeddedStore) -> TestClient:
    module_store.insert([batch('a=1 b="x"', '{"a":"{{.b}}"}', "plain", app="a")])
    app = FastAPI()
    limits = Query(max_seconds=10.0)
    app.include_router(loki.router(QueryService(module_store, limits, ManualClock(NOW + 10**10), Keys.new)))
    return TestClient(Gate(app), raise_server_exceptions=False)


def check(asked: TestClient, path: str, params: dict[str, str]) -> None:
    answer = asked.get(f"/loki/api/v1/{path}", params=params)
    assert answer.status_code < 500, (path, params, answer.text)
    assert answer.status_code == 200 or answer.text, "a refusal has a reason"


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_pieces_of_queries(asked: TestClient, query: str) -> None:
    check(asked, "query_range", {"query": query, "start": str(NOW), "end": str(NOW + 10**10)})
    check(asked, "query", {"query": query, "time": str(NOW + 10**10)})


@given(st.text(max_size=40))
def test_any_text_as_a_query(asked: TestClient, query: str) -> None:
    check(asked, "query_range", {"query": query, "start": str(NOW), "end": str(NOW + 10**10)})


@pytest.mark.parametrize(
    "path",
    ["query_range", "query", "labels", "label/app/values", "series", "index/stats", "index/volume", "index/volume_range",
     "detected_labels", "detected_fields", "detected_field/a/values", "patterns", "format_query"],
)  # fmt: skip
@given(
    st.dictionaries(
        st.sampled_from(
            ["query", "start", "end", "step", "time", "limit", "direction", "interval", "match[]", "since"]
        ),
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(
                ["0", "-1", "1e400", "nan", "9" * 30, '{app="a"}', "backward", "2026-01-01T00:00:00Z", "5ms"]
            ),
        ),
        max_size=5,
    )
)
def test_any_parameters(asked: TestClient, path: str, params: dict[str, str]) -> None:
    check(asked, path, params)


def test_known_queries_with_some_characters_changed(asked: TestClient) -> None:
    chance = random.Random(4)
    corpus = EXAMPLES + ([case["query"] for case in json.loads(CASES.read_text())] if CASES.exists() else [])
    for _ in range(300):
        query = list(chance.choice(corpus))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(query) + 1)
            query[at : at + chance.randint(0, 2)] = chance.choice(PIECES)
        check(asked, "query_range", {"query": "".join(query), "start": str(NOW), "end": str(NOW + 10**10), "step": "5"})
