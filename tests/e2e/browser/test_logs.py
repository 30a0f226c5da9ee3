"""The page of the logs with JavaScript: completion, details, older lines, zooming, following, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.browser.conftest import opened
from tests.running import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.stack]


@pytest.fixture
def logs(chromium: Browser, clinic: Installation) -> Iterator[Page]:
    """The logs of the demo, at a desk in Berlin."""
    visit = opened(chromium, clinic, "/logs", timezone_id="Europe/Berlin")
    visit.page.locator("#rows .row").first.wait_for()
    yield visit.page
    assert visit.faults == []
    visit.page.context.close()


def offered(page: Page) -> list[str]:
    page.locator("#completions li").first.wait_for()
    return page.locator("#completions li").all_text_contents()


def test_labels_values_fields_and_words_are_offered_and_taken_by_keys(logs: Page) -> None:
    field = logs.locator("#query")
    field.fill("")
    field.press_sequentially("{")
    assert {"kind", "level", "service_name"} <= set(offered(logs))
    field.press_sequentially("ki")
    expect(logs.locator("#completions li")).to_have_text(["kind"])
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value('{kind="')
    field.press_sequentially("app")
    expect(logs.locator("#completions li")).to_have_text(["application"])
    field.press("ArrowDown")
    field.press("Tab")
    expect(field).to_have_value('{kind="application"')
    field.press_sequentially("} | logf")
    expect(logs.locator("#completions li")).to_have_text(["logfmt"])
    field.press("Escape")
    expect(logs.locator("#completions")).to_be_hidden()


def test_a_line_opens_with_all_that_is_known_of_it(logs: Page) -> None:
    first = logs.locator("#rows .row").first
    first.locator("summary").click()
    expect(first.locator(".fields").first).to_contain_text("service_name")
    expect(first.locator("pre.whole")).not_to_be_empty()


def test_older_lines_come_while_one_scrolls(logs: Page) -> None:
    before = logs.locator("#rows .row").count()
    logs.locator(".further").scroll_into_view_if_needed()
    logs.wait_for_function("before => document.querySelectorAll('#rows .row').length > before", arg=before)


def test_a_drag_over_the_bars_narrows_the_time(logs: Page) -> None:
    box = logs.locator(".bars svg").bounding_box()
    assert box is not None
    logs.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 30)
    logs.mouse.down()
    logs.mouse.move(box["x"] + box["width"] - 2, box["y"] + 30, steps=4)
    logs.mouse.up()
    logs.wait_for_url(re.compile(r"start=\d{19}&end=\d{19}"))


def test_new_lines_are_followed_until_one_stops(logs: Page) -> None:
    logs.locator("#follow").click()
    expect(logs.locator("#tailing")).to_have_text("following")
    newest = logs.locator("#rows time").first.get_attribute("datetime") or ""
    logs.wait_for_function(
        "newest => document.querySelector('#rows time').dateTime > newest", arg=newest, timeout=30_000
    )
    logs.locator("#follow").click()
    expect(logs.locator("#tailing")).to_have_text("")


def test_times_are_in_the_readers_zone_and_utc_is_at_hand(logs: Page) -> None:
    time = logs.locator("#rows time").first
    expect(logs.locator("#h-answer .zone")).to_have_text("Europe/Berlin")
    assert (time.get_attribute("title") or "").endswith("(UTC)")
    logs.locator("h1").click()
    logs.keyboard.press("z")
    expect(logs.locator("#h-answer .zone")).to_have_text("UTC")
    assert (time.get_attribute("datetime") or "").replace("T", " ") == f"{time.text_content()}Z"


def test_keys_lead_to_pages_and_can_be_turned_off(logs: Page) -> None:
    logs.locator("h1").click()
    logs.keyboard.press("?")
    expect(logs.locator("#keys")).to_be_visible()
    logs.locator("#keys-on").uncheck()
    logs.keyboard.press("Escape")
    expect(logs.locator("#keys")).to_be_hidden()
    logs.keyboard.press("g")
    logs.keyboard.press("s")
    assert logs.url.endswith("/logs")
    logs.keyboard.press("?")
    logs.locator("#keys-on").check()
    logs.keyboard.press("Escape")
    expect(logs.locator("#keys")).to_be_hidden()
    # The two keys belong together for a second and a half, which a busy machine may take between them.
    logs.evaluate(
        "() => { for (const key of 'gs') document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); }"
    )
    logs.wait_for_url("**/security")
