"""Pictures of the console, of a demo clinic of its own: the overview and an incident while its database is stopped."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WIDTH, HEIGHT = 1280, 900
AWAITED = "DatabaseDown"
SETTLED = 15
"""Seconds until all parts have noticed."""


def main() -> None:
    """Start the demo, let it live for some minutes, and take the pictures."""
    sys.path.insert(0, str(ROOT))
    from tests.running import Installation

    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        demo = Installation(Path(directory))
        if demo.wardlight("up", "--demo", "--detach").returncode:
            sys.exit("pictures: the demo does not start")
        try:
            time.sleep(minutes * 60)
            with sync_playwright() as playwright:
                program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
                browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                page = browser.new_page(base_url=demo.server, viewport={"width": WIDTH, "height": HEIGHT})
                taken(page, f"/dashboards/wardlight-performance?from=now-{minutes:.0f}m&to=now", "dashboard.png")
                demo.wardlight("demo", "break", "database-stopped")
                incident = noticed(demo.server)
                time.sleep(SETTLED)
                taken(page, f"/incidents/{incident}", "incident.png")
                taken(page, "/", "console.png")
        finally:
            demo.wardlight("down")


def noticed(server: str) -> int:
    """Wait for the incident, take it on, and return its number."""
    for _ in range(120):
        found = httpx.get(f"{server}/api/v1/incidents", timeout=10).raise_for_status().json()["incidents"]
        for incident in found:
            if incident["labels"].get("alertname") == AWAITED:
                number: int = incident["id"]
                said = {"actor": "maria", "note": "Looking at the database server."}
                httpx.post(f"{server}/api/v1/incidents/{number}/acknowledge", json=said, timeout=10).raise_for_status()
                return number
        time.sleep(0.5)
    sys.exit(f"pictures: {AWAITED} has not become an incident")


def taken(page: Page, path: str, name: str) -> None:
    """Take a picture of a page's upper part, once it is filled."""
    page.goto(path)
    page.wait_for_timeout(2000)
    expect(page.locator(".panel[aria-busy]")).to_have_count(0, timeout=30_000)
    page.screenshot(path=DOCS / name)


if __name__ == "__main__":
    main()
