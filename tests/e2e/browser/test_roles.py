"""Each role in a house with sign-in: every page that it may open is shown without a fault, all others are not offered."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.browser.conftest import WIDTHS, Visit, opened
from tests.running import Installation

from wardlight import dashboards
from wardlight.access.roles import RIGHTS, Role
from wardlight.access.table import TABLE
from wardlight.console.pages import PAGES

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

LINES = {
    "application": {"level": "info", "event_name": "feature.use"},
    "security": {"level": "warn", "event_name": "user.login", "event_outcome": "failure"},
    "error": {"level": "error", "exception_type": "ValueError"},
    "audit": {"level": "info", "event_name": "record.access", "health_action": "R", "patient_id": "9434765919"},
}
"""A line of each kind, by what it has besides."""


@pytest.fixture(scope="module")
def house(clinic: Installation) -> Iterator[Installation]:
    """A server with sign-in, beside the demo, whose Prometheus it asks."""
    with tempfile.TemporaryDirectory() as directory:
        installation = Installation(Path(directory))
        text = installation.settings.read_text()
        beside = f'[stack]\nprometheus = "http://127.0.0.1:{clinic.ports["prometheus_port"]}"'
        installation.settings.write_text(text.replace("[stack]", beside))
        command = [sys.executable, "-m", "wardlight", "serve", "--data", directory]
        with (Path(directory) / "out").open("wb") as out:
            running = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            _until_it_answers(installation.server)
            _tell_lines(installation)
            yield installation
        finally:
            running.terminate()
            running.wait(30)


def _until_it_answers(server: str) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until:
        try:
            if httpx.get(f"{server}/readyz", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    pytest.fail("the server does not start")


def _tell_lines(house: Installation) -> None:
    """Send some lines of each kind, as the owner may."""
    key = json.loads((house.data / "server.json").read_text())["key"]
    now = time.time_ns()
    streams = [
        {
            "stream": {"service_name": "portal", "deployment_environment": "production", "kind": kind},
            "values": [[str(now - at * 10**9), f"a line of {kind}", {"user_id": "ebrook", **more}] for at in range(9)],
        }
        for kind, more in LINES.items()
    ]
    headers = {"Authorization": f"Bearer {key}"}
    httpx.post(f"{house.server}/loki/api/v1/push", json={"streams": streams}, headers=headers).raise_for_status()


@pytest.fixture(scope="module", params=list(Role))
def signed_in(request: pytest.FixtureRequest, chromium: Browser, house: Installation) -> tuple[Role, Any]:
    """Let somebody in with this role alone: the browser's cookies."""
    role = request.param
    added = house.wardlight("users", "add", f"one-{role}", role, "--json")
    assert added.returncode == 0, added.stderr
    password = secrets.token_urlsafe(16)
    visit = opened(chromium, house, json.loads(added.stdout)["link"])
    for name in ("password", "again"):
        visit.page.fill(f"input[name={name}]", password)
    visit.page.click("main button")
    visit.page.wait_for_url("**/account")
    state = visit.page.context.storage_state()
    visit.page.context.close()
    return role, state


def test_the_pages_that_are_offered_are_those_that_the_role_may_open(
    chromium: Browser, house: Installation, signed_in: tuple[Role, Any]
) -> None:
    role, state = signed_in
    visit = opened(chromium, house, "/", storage_state=state)
    offered = visit.page.locator("nav a").evaluate_all("links => links.map(one => one.getAttribute('href'))")
    assert offered == [path for path, _ in PAGES if TABLE[f"GET {path}"].rights & RIGHTS[role]]
    visit.page.context.close()


@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_page_that_is_offered_opens_without_a_fault(
    chromium: Browser, house: Installation, signed_in: tuple[Role, Any], width: str
) -> None:
    _, state = signed_in
    visit = opened(chromium, house, "/", width, storage_state=state)
    offered = visit.page.locator("nav a").evaluate_all("links => links.map(one => one.getAttribute('href'))")
    found = {path: _wrong(visit, path) for path in [*offered, "/account"]}
    visit.page.context.close()
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_every_dashboard_opens_without_a_fault(
    chromium: Browser, house: Installation, signed_in: tuple[Role, Any]
) -> None:
    _, state = signed_in
    visit = opened(chromium, house, "/dashboards", storage_state=state)
    found: Mapping[str, list[str]] = {}
    for uid in dashboards.built():
        wrong = _wrong(visit, f"/dashboards/{uid}?from=now-15m&to=now")
        refused = visit.page.locator('.panel[data-state="error"] h3, .panel[data-state="away"] h3').all_inner_texts()
        found = {**found, uid: [*wrong, *refused]}
    visit.page.context.close()
    assert {uid: wrong for uid, wrong in found.items() if wrong} == {}


def _wrong(visit: Visit, path: str) -> list[str]:
    """List what is wrong with a page."""
    visit.faults.clear()
    visit.page.goto(path)
    visit.page.locator("h1").first.wait_for()
    if path.startswith("/dashboards/"):
        visit.page.locator(".panel").first.wait_for()
        expect(visit.page.locator(".panel[aria-busy]")).to_have_count(0, timeout=60_000)
    return [*visit.faults, *visit.axe()]
