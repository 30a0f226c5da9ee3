"""Every page, at a desk and on a phone: no fault in the browser, nothing that axe finds, nothing off the edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.e2e.browser.conftest import WIDTHS, Visit, opened
from tests.running import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

PAGES = (
    ("/", "#verdict"),
    ("/incidents", "#list"),
    ("/dashboards", ".board-list li"),
    ("/logs", "#rows .row"),
    ("/users", "tbody tr"),
    ("/security", "#h-ledger"),
    ("/errors", "#list"),
    ("/settings", ".settings"),
    ("/oncall", "h1"),
    ("/maintenance", "h1"),
    ("/heartbeats", "h1"),
    ("/audit", "h1"),
)
"""Each page's address, and what must be seen on it."""


@pytest.fixture(
    scope="module",
    params=[(*page, width) for page in PAGES for width in WIDTHS],
    ids=lambda param: f"{param[0]} {param[2]}",
)
def visit(request: pytest.FixtureRequest, chromium: Browser, clinic: Installation) -> Iterator[Visit]:
    """Open the page and wait for what must be on it."""
    path, seen, width = request.param
    found = opened(chromium, clinic, path, width)
    found.page.locator(seen).first.wait_for()
    yield found
    found.page.context.close()


def test_axe_finds_nothing(visit: Visit) -> None:
    assert visit.axe() == []


def test_nothing_stands_over_the_edge(visit: Visit) -> None:
    assert visit.overflow() == 0


def test_the_browser_reports_no_fault(visit: Visit) -> None:
    assert visit.faults == []


def test_the_page_is_under_200_kb(visit: Visit) -> None:
    assert len(visit.page.request.get(visit.page.url).body()) < 200_000
