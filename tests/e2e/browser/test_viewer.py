"""What one can do on a dashboard, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.e2e.browser.conftest import opened
from tests.running import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

HOSTILE = "<img src=x onerror=alert(1)>"
SOURCE = {"uid": "prometheus", "type": "prometheus"}


@pytest.fixture
def page(chromium: Browser, clinic: Installation) -> Iterator[Page]:
    """Open the System Overview."""
    visit = opened(chromium, clinic, "/dashboards/wardlight-system?from=now-15m&to=now")
    visit.page.locator('.panel[data-type="timeseries"]').first.scroll_into_view_if_needed()
    expect(graph(visit.page)).to_have_attribute("data-state", "filled", timeout=60_000)
    yield visit.page
    visit.page.context.close()


def graph(page: Page) -> Any:
    return page.locator('.panel[data-type="timeseries"]').first


def parameter(page: Page, name: str) -> str:
    found = re.search(rf"[?&]{name}=([^&]*)", page.url)
    return found[1] if found else ""


def test_a_stretch_that_is_drawn_over_becomes_the_time_shown(page: Page) -> None:
    box = graph(page).locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d+&to=\d+"))
    assert int(parameter(page, "to")) - int(parameter(page, "from")) == pytest.approx(15 * 60_000 / 4, rel=0.05)


def test_a_click_on_a_graph_leads_to_the_logs_of_that_moment(page: Page) -> None:
    graph(page).locator(".u-over").click(position={"x": 60, "y": 30})
    href = graph(page).locator(".tip a").get_attribute("href")
    assert re.match(r"/dashboards/wardlight-logs\?time=\d{13}&time\.window=\d+&", href)


def test_another_time_is_kept_in_the_address_and_comes_back_by_the_back_button(page: Page) -> None:
    page.locator(".times summary").click()
    page.get_by_role("button", name="Last 5 minutes").click()
    assert parameter(page, "from") == "now-5m"
    page.go_back()
    expect(page.locator(".times summary")).to_have_text("Last 15 minutes")


def test_a_variable_is_chosen_and_kept_in_the_address(page: Page) -> None:
    page.locator('[data-variable="service"] summary').click()
    page.get_by_label("willow-clinic").check()
    page.locator('[data-variable="service"]').get_by_role("button", name="Show").click()
    assert parameter(page, "var-service") == "willow-clinic"
    expect(page.locator('[data-variable="service"] summary')).to_contain_text("willow-clinic")


def test_a_graph_can_be_read_as_a_table(page: Page) -> None:
    graph(page).get_by_role("button", name="as a table").click()
    expect(graph(page).locator("tbody tr").first).to_be_visible()


def test_a_panel_can_be_alone_on_the_page_and_in_a_link(page: Page) -> None:
    graph(page).get_by_role("button", name="alone on the page").click()
    assert page.locator(".panel:visible").count() == 1
    page.reload()
    expect(page.locator(".panel:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    assert page.locator(".panel:visible").count() > 1


def test_a_row_is_folded_by_keyboard(page: Page) -> None:
    page.get_by_role("button", name="Now", exact=True).press("Enter")
    expect(page.locator("#panel-2")).to_be_hidden()


def test_a_panel_says_what_it_is_for(page: Page) -> None:
    graph(page).hover()
    graph(page).get_by_text("About ").locator("..").click()
    expect(graph(page).locator(".sheet")).to_be_visible()


def test_a_lost_connection_is_said_and_what_was_shown_stays(page: Page) -> None:
    page.context.set_offline(True)
    page.get_by_role("button", name="Refresh now").click()
    expect(page.locator("#link")).to_contain_text("Connection lost")
    expect(graph(page)).to_have_attribute("data-state", "filled")


def test_prometheus_away_is_said_where_it_is_missed_and_the_rest_stays(chromium: Browser, clinic: Installation) -> None:
    def away(route: Route) -> None:
        route.fulfill(status=503, json={"error": "Prometheus does not answer"})

    visit = opened(chromium, clinic, "/healthz")
    visit.page.route("**/api/v1/metrics/**", away)
    visit.page.goto("/dashboards/wardlight-system?from=now-15m&to=now")
    visit.whole()
    expect(visit.page.locator("#panel-2")).to_contain_text("Can't be filled: Prometheus does not answer")
    for kind in ("logs", "alertlist"):
        expect(visit.page.locator(f'.panel[data-type="{kind}"]').first).to_have_attribute(
            "data-state", "filled", timeout=60_000
        )
    visit.page.context.close()


def shown(chromium: Browser, clinic: Installation, change: Callable[[dict[str, Any]], None]) -> Page:
    """Show a board that somebody changed."""

    def changed(route: Route) -> None:
        answer = route.fetch()
        text = answer.text()
        held = re.search(r'(?s)(<script type="application/json" id="board">)(.*?)(</script>)', text)
        told = json.loads(held[2])
        change(told["board"])
        written = json.dumps(told).replace("<", "\\u003c")
        route.fulfill(response=answer, body=text[: held.start(2)] + written + text[held.end(2) :])

    visit = opened(chromium, clinic, "/healthz")
    visit.page.route("**/dashboards/wardlight-system", changed)
    visit.page.goto("/dashboards/wardlight-system")
    return visit.page


def panel(expr: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 901, "type": "timeseries", "title": "Of a test", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "targets": [{"refId": "A", "expr": expr, "range": True, "datasource": SOURCE}],
    } | more  # fmt: skip


def test_a_broken_query_shows_its_error_in_its_place(chromium: Browser, clinic: Installation) -> None:
    page = shown(chromium, clinic, lambda board: board.update(panels=[panel("sum("), panel("vector(1)", id=902)]))
    expect(page.locator("#panel-901")).to_contain_text("parse error")
    expect(page.locator("#panel-902")).to_have_attribute("data-state", "filled")
    page.context.close()


def test_what_stands_in_a_board_or_a_label_is_only_text(chromium: Browser, clinic: Installation) -> None:
    query = f'label_replace(vector(1), "name", "{HOSTILE}", "", "")'
    text = panel("", id=902, type="text", options={"content": f"**{HOSTILE}** [here](javascript:alert(1))"})
    page = shown(
        chromium, clinic, lambda board: board.update(panels=[panel(query, title=HOSTILE, description=HOSTILE), text])
    )
    expect(page.locator("#panel-901 .legend")).to_have_text(HOSTILE)
    expect(page.locator("#panel-902")).to_contain_text(HOSTILE)
    assert page.locator("main img").count() == 0
    assert page.locator('main a[href^="javascript"]').count() == 0
    page.context.close()
