"""Pings over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.gate import OWNER, gated
from tests.heartbeats.conftest import SLUG, House

from wardlight.api.heartbeats import KEPT_BYTES, router
from wardlight.problems import Problem
from wardlight.server import _told


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.add()
    yield house
    house.stop()


@pytest.fixture
def http(house: House) -> TestClient:
    app = gated(FastAPI())
    log = house.watch._log
    app.include_router(router(house.heartbeats, house.watch, log, house.registry))
    app.add_exception_handler(Problem, _told)
    return TestClient(app)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_ping_by_any_method_counts(http: TestClient, house: House, method: str) -> None:
    answer = http.request(method, f"/ping/{SLUG}")
    assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "OK\n")
    assert answer.headers["cache-control"] == "no-store"
    assert house.state_of() == "up"


@pytest.mark.parametrize(
    ("word", "taken"),
    [
        ("start", ("start", None, "new")),
        ("fail", ("fail", None, "down")),
        ("log", ("log", None, "new")),
        ("0", ("success", 0, "up")),
        ("1", ("fail", 1, "down")),
        ("255", ("fail", 255, "down")),
    ],
)
def test_the_address_says_how_it_goes(
    http: TestClient, house: House, word: str, taken: tuple[str, int | None, str]
) -> None:
    assert http.get(f"/ping/{SLUG}/{word}").status_code == 200
    (ping,) = house.heartbeats.get(SLUG).history
    assert (ping.action, ping.exit_code, house.state_of()) == taken


@pytest.mark.parametrize("word", ["256", "-1", "1000", "fial", "START", "٣", "0x1"])
def test_an_address_that_means_nothing_is_refused(http: TestClient, house: House, word: str) -> None:
    answer = http.get(f"/ping/{SLUG}/{word}")
    assert (answer.status_code, house.heartbeats.get(SLUG).pings) == (400, 0)
    assert "start, fail, log, an exit code" in answer.json()["error"]


@pytest.mark.parametrize("slug", ["unknown-job", "x", "%00", "a" * 3000, "'; DROP TABLE heartbeats"])
def test_a_heartbeat_that_does_not_exist_is_404_and_counted(http: TestClient, house: House, slug: str) -> None:
    assert http.get(f"/ping/{slug}").status_code == 404
    assert house.registry.get_sample_value("wardlight_heartbeat_unknown_pings_total") == 1


def test_overlapping_runs_are_told_apart_by_their_rid(http: TestClient, house: House) -> None:
    one, two = str(uuid4()), str(uuid4())
    http.get(f"/ping/{SLUG}/start", params={"rid": one})
    house.clock.advance(60)
    http.get(f"/ping/{SLUG}/start", params={"rid": two})
    house.clock.advance(60)
    http.get(f"/ping/{SLUG}", params={"rid": one})
    assert house.heartbeats.get(SLUG).seconds == 120
    assert http.get(f"/ping/{SLUG}", params={"rid": "no uuid"}).status_code == 400


def test_what_is_posted_is_logged_the_end_of_it(http: TestClient, house: House) -> None:
    http.post(f"/ping/{SLUG}/1", content=b"x" * KEPT_BYTES + b"\xff the end\n")
    ((event, line, more),) = house.logged
    assert (event, line[-9:], len(line)) == (
        "heartbeat.output",
        "\N{REPLACEMENT CHARACTER} the end"[-9:],
        KEPT_BYTES - 1,
    )
    assert more == {"heartbeat": SLUG, "event.outcome": "failure"}


def test_a_ping_counts_however_long_its_body_is(
    http: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardlight.api.heartbeats.MAX_BYTES", 100)
    assert http.post(f"/ping/{SLUG}", content=(b"y" * 60 for _ in range(50))).status_code == 200
    assert house.state_of() == "up"


def test_they_are_listed_and_shown(http: TestClient, house: House) -> None:
    http.get(f"/ping/{SLUG}/0")
    (one,) = http.get("/api/v1/heartbeats").json()["heartbeats"]
    assert (one["slug"], one["state"], one["schedule"], one["due"]) == (SLUG, "up", "every 1h", "2026-01-01T01:00:00Z")
    assert http.get(f"/api/v1/heartbeats/{SLUG}").json()["history"][0]["action"] == "success"
    assert http.get("/api/v1/heartbeats/nobody").status_code == 404


def test_the_owner_adds_pauses_resumes_and_removes(http: TestClient, house: House) -> None:
    new = {"slug": "weekly", "cron": "0 3 * * 1", "zone": "Europe/Zurich"}
    added = http.post("/api/v1/heartbeats", json=new, headers=OWNER)
    assert (added.status_code, added.json()["schedule"]) == (201, "0 3 * * 1 Europe/Zurich")
    assert http.post("/api/v1/heartbeats/weekly/pause", headers=OWNER).json()["state"] == "paused"
    assert http.post("/api/v1/heartbeats/weekly/resume", headers=OWNER).json()["state"] == "new"
    assert http.delete("/api/v1/heartbeats/weekly", headers=OWNER).status_code == 204
    assert [each.slug for each in house.heartbeats.listed()] == [SLUG]


def test_a_bad_definition_is_refused_with_the_reason(http: TestClient) -> None:
    answer = http.post("/api/v1/heartbeats", json={"slug": "weekly", "cron": "0 3 * *"}, headers=OWNER)
    assert (answer.status_code, answer.json()["error"][:17]) == (400, "cron: five fields")
    assert http.post("/api/v1/heartbeats", json={"slug": SLUG, "every": "1h"}, headers=OWNER).status_code == 409


def test_a_ping_that_cannot_be_kept_is_not_answered_as_if_it_were(http: TestClient, house: House) -> None:
    with house.state.write() as connection:
        connection.exec_driver_sql("DROP TABLE heartbeat_pings")
    assert http.get(f"/ping/{SLUG}").status_code == 503
    assert house.heartbeats.listed()[0].state == "new"
