"""The page of the language is whole and true: every function stands in it, every example gives an answer."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.conftest import NOW
from tests.seeing import Gate

from wardlight.api import loki
from wardlight.clock import ManualClock
from wardlight.config import Query, Receive
from wardlight.protect.keys import Keys
from wardlight.query import QueryService
from wardlight.query.lex import RANGE_FUNCTIONS, VECTOR_FUNCTIONS
from wardlight.query.reference import EXAMPLE_LINES, RANGES, SECTIONS, VECTORS, Element
from wardlight.query.template import Template
from wardlight.query.template.functions import EXAMPLE_LABELS, EXAMPLE_LINE, EXAMPLE_NS, TABLE, Function
from wardlight.receive.loki import decode_json
from wardlight.store.embedded import EmbeddedStore

ELEMENTS = [element for _, elements in SECTIONS for element in elements]
SECOND = 10**9
INSTANT_ONLY = ("approx_topk",)


@pytest.fixture(scope="module")
def loki_api(module_store: EmbeddedStore) -> TestClient:
    streams = [
        {"stream": labels, "values": [[str(NOW + at * SECOND), line]]}
        for at, (labels, line) in enumerate(EXAMPLE_LINES)
    ]
    pushed = json.dumps({"streams": streams}).encode()
    module_store.insert([decode_json(pushed, Receive(derive_labels=False), NOW + 60 * SECOND).batch])
    app = FastAPI()
    app.include_router(loki.router(QueryService(module_store, Query(), ManualClock(NOW + 20 * SECOND), Keys.new)))
    return TestClient(Gate(app))


def test_every_function_over_a_range_has_an_example() -> None:
    assert {element.name for element in RANGES} == set(RANGE_FUNCTIONS)


def test_every_function_over_series_has_an_example() -> None:
    assert {element.name for element in VECTORS} == set(VECTOR_FUNCTIONS)


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda element: element.example)
def test_an_example_gives_an_answer(loki_api: TestClient, element: Element) -> None:
    end = str(NOW + 20 * SECOND)
    params = {"query": element.example, "start": str(NOW), "end": end, "step": "5", "time": end}
    way = "query" if element.name in INSTANT_ONLY else "query_range"
    answer = loki_api.get(f"/loki/api/v1/{way}", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["result"], element.example


@pytest.mark.parametrize("function", TABLE, ids=lambda function: function.name)
def test_a_template_functions_example_gives_what_the_page_says(function: Function) -> None:
    assert Template(function.example).render(EXAMPLE_LABELS, EXAMPLE_LINE, EXAMPLE_NS, EXAMPLE_NS) == function.result
