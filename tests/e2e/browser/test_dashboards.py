"""Every dashboard, at a desk and on a phone: no panel is empty, no fault in the browser, nothing that axe finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.browser.conftest import WIDTHS, Visit, opened
from tests.running import Installation

from wardlight import dashboards

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

PATIENCE = 150_000
"""Milliseconds until the last panel is filled: rates need a while, and somebody must mistype a password."""


@pytest.fixture(
    scope="module",
    params=[(uid, width) for width in WIDTHS for uid in dashboards.built()],
    ids=lambda param: f"{param[0]} {param[1]}",
)
def visit(request: pytest.FixtureRequest, chromium: Browser, clinic: Installation) -> Iterator[Visit]:
    """Open the dashboard, all of it."""
    uid, width = request.param
    found = opened(chromium, clinic, f"/dashboards/{uid}?from=now-15m&to=now&refresh=5s", width)
    found.page.locator(".panel").first.wait_for()
    found.whole()
    yield found
    found.page.context.close()


def test_no_panel_is_empty(visit: Visit) -> None:
    unfilled = visit.page.locator('.panel:not([data-state="filled"]) h3')
    expect(unfilled).to_have_text([], timeout=PATIENCE)


def test_axe_finds_nothing(visit: Visit) -> None:
    assert visit.axe() == []


def test_nothing_stands_over_the_edge(visit: Visit) -> None:
    assert visit.overflow() == 0


def test_the_browser_reports_no_fault(visit: Visit) -> None:
    assert visit.faults == []
