"""Deployments and maintenance windows over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from tests.gate import OWNER, gated

from wardlight.api.changes import router
from wardlight.changes import Deployments, Windows
from wardlight.clock import ManualClock
from wardlight.problems import Problem
from wardlight.server import _told
from wardlight.store.state import State

PORTAL = {"service": "portal", "version": "2.4.1", "by": "ann"}
WINDOW = {
    "what": "upgrade", "matchers": ["service=billing"], "by": "ann", "starts": "2026-03-01T02:00:00+01:00",
    "ends": "2026-03-01T04:00:00+01:00",
}  # fmt: skip


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    state, clock = State(tmp_path / "state.db"), ManualClock()
    deployments = Deployments(state, clock, registry=CollectorRegistry(), log=lambda *_: None)
    app = gated(FastAPI())
    app.include_router(router(Windows(state, clock), deployments))
    app.add_exception_handler(Problem, _told)
    yield TestClient(app)
    state.close()


def test_a_deployment_is_told_listed_and_the_latest(http: TestClient) -> None:
    answer = http.post("/api/v1/deployments", json=PORTAL)
    assert (answer.status_code, answer.json()["environment"]) == (201, "production")
    for path in ("/api/v1/deployments?service=portal&since=2026-01-01T00:00:00Z", "/api/v1/deployments/latest"):
        assert http.get(path).json()["deployments"] == [answer.json()]
    assert http.get("/api/v1/deployments?since=2026-01-01T00:00:01Z").json()["deployments"] == []


def test_told_twice_with_one_key_it_is_kept_once(http: TestClient) -> None:
    key = {"Idempotency-Key": "build-7"}
    first, second = (http.post("/api/v1/deployments", json=PORTAL, headers=key).json() for _ in range(2))
    assert first == second
    assert len(http.get("/api/v1/deployments").json()["deployments"]) == 1


def test_a_bad_deployment_is_refused_with_the_reason(http: TestClient) -> None:
    answer = http.post("/api/v1/deployments", json={**PORTAL, "service": "a b"})
    assert (answer.status_code, answer.json()["error"][:8]) == (400, "service:")


def test_a_window_is_announced_begun_and_ended_by_the_owner(http: TestClient) -> None:
    made = http.post("/api/v1/maintenance", json=WINDOW, headers=OWNER)
    assert (made.status_code, made.json()["state"], made.json()["matchers"]) == (
        201,
        "announced",
        ['service="billing"'],
    )
    by = {"by": "bob"}
    for step, state in (("begin", "active"), ("end", "ended")):
        assert http.post(f"/api/v1/maintenance/1/{step}", json=by, headers=OWNER).json()["state"] == state
    assert http.post("/api/v1/maintenance/1/cancel", json=by, headers=OWNER).status_code == 409
    assert http.post("/api/v1/maintenance/2/end", json=by, headers=OWNER).status_code == 404
    assert http.get("/api/v1/maintenance").json() == {"windows": []}
    assert len(http.get("/api/v1/maintenance?state=all").json()["windows"]) == 1


@pytest.mark.parametrize("wrong", [{"starts": "2026-03-01T02:00:00"}, {"matchers": []}, {"ends": WINDOW["starts"]}])
def test_a_bad_window_is_refused_with_the_reason(http: TestClient, wrong: dict[str, object]) -> None:
    answer = http.post("/api/v1/maintenance", json={**WINDOW, **wrong}, headers=OWNER)
    assert answer.status_code == 400
    assert answer.json()["error"].split(":")[0] in ("from", "until", "matchers")
