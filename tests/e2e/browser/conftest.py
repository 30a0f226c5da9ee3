"""A real browser on the running demo: pages at the widths of a desk and a phone, what goes wrong on them, and axe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Response, sync_playwright
from tests.running import Installation

WIDTHS = {"desk": 1400, "phone": 390}
AXE = Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TALLEST = 9000


class Visit:
    """A page that is open, and what has gone wrong on it since."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("console", lambda told: self._note(f"console: {told.text}", of=told.type in ("error", "warning")))
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)

    def whole(self) -> None:
        """Make the window as tall as the page, so that all of it is in view."""
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": self.page.viewport_size["width"], "height": min(height + 40, TALLEST)})

    def axe(self) -> list[str]:
        """List what axe finds: the rule, and where."""
        self.page.evaluate(AXE.read_text())
        found: dict[str, Any] = self.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        return [f"{it['id']}: {node['html'][:200]}" for it in found["violations"] for node in it["nodes"]]

    def overflow(self) -> int:
        """Say by how many pixels the page is wider than the window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return max(0, wide)

    def _note(self, fault: str, *, of: bool = True) -> None:
        if of:
            self.faults.append(fault)

    def _answered(self, response: Response) -> None:
        self._note(f"{response.status} {response.url}", of=response.status >= 400)

    def _failed(self, request: Request) -> None:
        # What is asked anew or left with the page is aborted.
        self._note(f"{request.failure} {request.url}", of="ERR_ABORTED" not in (request.failure or ""))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the browser; a module's, because Playwright's loop must not meet those of other tests."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")))
    program = next(found, None)
    if program is None:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


def opened(chromium: Browser, clinic: Installation, path: str, width: str = "desk", **context: Any) -> Visit:
    """Open a page of the demo in a browser that knows nothing yet; its context is to be closed."""
    height = 900 if width == "desk" else 844
    page = chromium.new_context(
        base_url=clinic.server, viewport={"width": WIDTHS[width], "height": height}, **context
    ).new_page()
    visit = Visit(page)
    page.goto(path)
    return visit
