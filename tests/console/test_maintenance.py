"""The page of maintenance, and the way between all pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from tests.console.test_page import HOSTILE, Page
from tests.gate import gated

from wardlight.changes import Deployments, Windows
from wardlight.changes.deployments import NewDeployment
from wardlight.clock import ManualClock
from wardlight.console import maintenance_router
from wardlight.console.maintenance import SHOWN
from wardlight.console.pages import environment
from wardlight.problems import Problem
from wardlight.server import _told
from wardlight.store.state import State

MAX_BYTES = 200 * 1024
FORM = {"what": "new disks", "matchers": "service=billing\nseverity!=critical", "actor": "maria"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.db")
    yield state
    state.close()


@pytest.fixture
def windows(state: State, clock: ManualClock) -> Windows:
    return Windows(state, clock)


@pytest.fixture
def deployments(state: State, clock: ManualClock) -> Deployments:
    return Deployments(state, clock, registry=CollectorRegistry(), log=lambda *_: None)


@pytest.fixture
def browser(windows: Windows, deployments: Deployments, clock: ManualClock) -> TestClient:
    app = gated(FastAPI())
    app.add_exception_handler(Problem, _told)
    app.include_router(maintenance_router(windows, deployments, clock))
    return TestClient(app, follow_redirects=False)


def form(windows: Windows, begins: int = 1, **changes: str) -> dict[str, str]:
    """Fill the form, as browsers send it; the window begins in so many hours and lasts one."""
    at = windows.now() + timedelta(hours=begins)
    times = {"starts": f"{at:%Y-%m-%dT%H:%M}", "ends": f"{at + timedelta(hours=1):%Y-%m-%dT%H:%M}"}
    return {**FORM, **times, **changes}


def test_a_window_is_announced_by_its_form_in_utc(browser: TestClient, windows: Windows) -> None:
    assert browser.post("/maintenance", data=form(windows)).status_code == 303
    (made,) = windows.listed()
    assert (made.what, made.by, made.state) == ("new disks", "maria", "announced")
    assert made.matchers == ('service="billing"', 'severity!="critical"')  # fmt: skip
    assert made.starts - windows.now() <= timedelta(hours=1)
    text = browser.get("/maintenance").text
    assert "new disks" in text
    assert "From (UTC)" in text


@pytest.mark.parametrize(
    ("steps", "becomes"), [(["begin"], "active"), (["begin", "end"], "ended"), (["cancel"], "cancelled")]
)
def test_its_buttons_take_steps(browser: TestClient, windows: Windows, steps: list[str], becomes: str) -> None:
    browser.post("/maintenance", data=form(windows))
    for step in steps:
        assert f"/maintenance/1/{step}" in browser.get("/maintenance").text
        assert browser.post(f"/maintenance/1/{step}", data={"actor": "maria"}).status_code == 303
    assert windows.get(1).state == becomes


@pytest.mark.parametrize("wrong", [{"starts": "soon"}, {"matchers": ""}, {"actor": ""}, {"ends": "2001-01-01T00:00"}])
def test_what_cannot_be_done_is_said_and_what_was_written_is_kept(
    browser: TestClient, windows: Windows, wrong: dict[str, str]
) -> None:
    answer = browser.post("/maintenance", data=form(windows, **wrong))
    assert answer.status_code == 400
    assert "Not done" in answer.text
    assert "new disks" in answer.text
    assert windows.listed("all") == []


def test_a_step_too_late_is_said(browser: TestClient, windows: Windows) -> None:
    browser.post("/maintenance", data=form(windows))
    browser.post("/maintenance/1/cancel", data={"actor": "maria"})
    assert browser.post("/maintenance/1/begin", data={"actor": "maria"}).status_code == 409


@pytest.mark.parametrize("headers", [{"origin": "http://evil.test"}, {"sec-fetch-site": "cross-site"}])
@pytest.mark.parametrize("path", ["/maintenance", "/maintenance/1/begin"])
def test_forms_of_other_sites_are_refused(
    browser: TestClient, windows: Windows, path: str, headers: dict[str, str]
) -> None:
    assert browser.post(path, data=form(windows), headers=headers).status_code == 403
    assert windows.listed("all") == []


def test_the_newest_deployments_are_shown(browser: TestClient, deployments: Deployments) -> None:
    deployments.record(NewDeployment(service="portal", version="2.4.1", by="ann"))
    text = Page(browser.get("/maintenance").text).text
    assert "portal" in text
    assert "2.4.1" in text


def test_nothing_that_is_written_acts(browser: TestClient, windows: Windows) -> None:
    page = Page(browser.post("/maintenance", data=form(windows, what=HOSTILE)).text)
    assert "img" not in {tag for tag, _ in page.tags}
    assert all((a.get("src") or "").startswith("/console/static/") for tag, a in page.tags if tag == "script")
    assert "\u202e" not in page.text


def test_with_all_it_can_hold_it_is_small(browser: TestClient, windows: Windows, deployments: Deployments) -> None:
    for number in range(SHOWN + 1):
        windows.announce("w" * 200, ["service=billing"], starts=windows.now() + timedelta(hours=1),
                         ends=windows.now() + timedelta(hours=2), by="maria")  # fmt: skip
        deployments.record(NewDeployment(service="portal", version=f"{number}", note="n" * 200))
    assert len(browser.get("/maintenance").content) < MAX_BYTES


@pytest.mark.parametrize("name", ["page", "incident_list", "incident", "audit", "heartbeats", "maintenance", "oncall"])
def test_every_page_has_the_navigation(name: str) -> None:
    loader = environment().loader
    assert loader is not None
    source = loader.get_source(environment(), f"{name}.html")[0]
    assert source.startswith('{% extends "base.html" %}')


def test_the_page_one_is_on_is_marked(browser: TestClient) -> None:
    tags = Page(browser.get("/maintenance").text).tags
    links = [it["href"] for tag, it in tags if tag == "a" and it.get("aria-current") == "page"]
    assert links == ["/maintenance"]
    assert {"/", "/incidents", "/audit", "/heartbeats"} <= {it.get("href") for tag, it in tags if tag == "a"}
