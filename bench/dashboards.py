"""How quickly a dashboard is there, in a browser. `python bench/dashboards.py http://127.0.0.1:8480`.

First paint, and until every panel in view is filled; the median of five visits with an empty cache, for each dashboard.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import time

from playwright.sync_api import Browser, sync_playwright

from wardlight import dashboards

VISITS = 5
WAITING = """[...document.querySelectorAll('.panel')].some((one) =>
  one.getBoundingClientRect().top < innerHeight && one.dataset.state === 'waiting') || !document.querySelector('.panel')"""


def main() -> None:
    """Visit all dashboards of a running server."""
    server = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8480"
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for uid in dashboards.built():
            visits = [visited(browser, f"{server}/dashboards/{uid}") for _ in range(VISITS)]
            paint, filled = (statistics.median(each) for each in zip(*visits, strict=True))
            print(f"{uid:32} first paint {paint:5.0f} ms, filled {filled:5.0f} ms")


def visited(browser: Browser, address: str) -> tuple[float, float]:
    """Visit once: milliseconds until the first paint, and until what is in view is filled."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.goto(address, wait_until="commit")
    while page.evaluate(WAITING):
        time.sleep(0.02)
    filled = page.evaluate("performance.now()")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.context.close()
    return paint, filled


main()
