"""Limits: each stops what is beyond it and is named in the refusal."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.conftest import NOW, batch
from tests.seeing import Gate

from wardlight.api import loki
from wardlight.clock import ManualClock
from wardlight.config import Query
from wardlight.protect.keys import Keys
from wardlight.query import QueryService
from wardlight.store.embedded import EmbeddedStore

HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def filled(module_store: EmbeddedStore) -> EmbeddedStore:
    for at in range(20):
        module_store.insert([batch("a line of log", "another", app=f"app-{at}")])
    return module_store


def ask(store: EmbeddedStore, limits: Query, **params: str) -> tuple[int, str]:
    app = FastAPI()
    app.include_router(loki.router(QueryService(store, limits, ManualClock(NOW + HOUR), Keys.new)))
    asked = {"query": '{app=~".+"}', "start": str(NOW - HOUR), "end": str(NOW + HOUR), **params}
    answer = TestClient(Gate(app)).get("/loki/api/v1/query_range", params=asked)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("limits", "params", "setting"),
    [
        (Query(max_entries=10), {"limit": "11"}, "max_entries"),
        (Query(max_range_days=1), {"start": str(NOW - 48 * HOUR)}, "max_range_days"),
        (Query(max_series=5), {"query": 'count_over_time({app=~".+"}[1h])', "step": "600"}, "max_series"),
        (Query(max_read_bytes=1), {}, "max_read_bytes"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_by_its_name(
    filled: EmbeddedStore, limits: Query, params: dict[str, str], setting: str
) -> None:
    status, reason = ask(filled, limits, **params)
    assert 400 <= status < 500
    assert setting in reason


def test_what_is_within_the_limits_is_answered(filled: EmbeddedStore) -> None:
    assert ask(filled, Query(max_entries=10), limit="10")[0] == 200


def test_more_steps_than_loki_allows_are_refused(filled: EmbeddedStore) -> None:
    status, reason = ask(filled, Query(), query='count_over_time({app=~".+"}[1m])', step="0.1")
    assert (status, "11000" in reason or "11,000" in reason) == (400, True), reason
