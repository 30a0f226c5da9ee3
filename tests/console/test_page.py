"""The page that people see."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from httpx import AsyncClient, HTTPStatusError
from tests.conftest import NOW, batch

from wardlight.problems import NotFound
from wardlight.records import SCHEMA, Decoded
from wardlight.store.embedded import EmbeddedStore

HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> {{ 7*7 }} \x1b[31m \u202egnp.exe"


class Page(HTMLParser):
    """What a browser would make of it: tags with their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


async def shown(browser: AsyncClient, path: str = "/") -> Page:
    answer = await browser.get(path)
    assert answer.status_code == 200
    return Page(answer.text)


def record(body: str, **columns: object) -> Decoded:
    row = batch(body).to_pylist()[0] | columns
    return Decoded(pa.RecordBatch.from_pylist([row], schema=SCHEMA))


async def test_it_has_a_place_for_everything(browser: AsyncClient) -> None:
    ids = (await shown(browser)).ids()
    for place in ("verdict", "lamps", "incidents", "application", "database", "servers", "people", "logs"):
        assert place in ids


async def test_no_id_is_there_twice(browser: AsyncClient) -> None:
    ids = (await shown(browser)).ids()
    assert len(ids) == len(set(ids))


async def test_what_is_renewed_is_the_same_as_in_the_page(browser: AsyncClient) -> None:
    page, live = await browser.get("/"), await browser.get("/console/live")
    assert live.headers["content-type"].startswith("text/event-stream")
    told = [line.removeprefix("data: ") for line in live.text.split("\n") if line.startswith("data: ")]
    assert "\n".join(told).strip() in page.text


async def test_nothing_runs_or_loads_but_its_own_files(browser: AsyncClient) -> None:
    answer = await browser.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = Page(answer.text)
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert tag != "style"
        assert tag != "script" or attributes["src"]
        for name in ("src", "href"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), (tag, attributes)


@pytest.mark.parametrize("path", ["/", "/console/live"])
async def test_it_is_kept_by_no_cache_and_framed_by_nobody(browser: AsyncClient, path: str) -> None:
    headers = (await browser.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_its_own_files_are_served_under_a_name_that_changes_with_them(browser: AsyncClient) -> None:
    found = re.findall(r'"(/console/static/[^"]+)"', (await browser.get("/")).text)
    assert len(found) == 4
    for path in found:
        assert re.match(r"/console/static/[0-9a-f]{12}/[a-z]", path)
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


async def test_log_lines_are_shown_by_kind(browser: AsyncClient, store: EmbeddedStore) -> None:
    for kind in ("application", "security", "error", "audit"):
        store.insert([batch(f"a line of {kind}", kind=kind, service_name="clinic")])
    text = (await shown(browser)).text
    for kind in ("application", "security", "error", "audit"):
        assert f"a line of {kind}" in text


async def test_the_newest_lines_come_first(browser: AsyncClient, store: EmbeddedStore) -> None:
    store.insert([batch(*(f"line {at:02}" for at in range(30)), step=1_000_000_000)])
    found = re.findall(r"line \d\d", (await shown(browser)).text)
    assert found == [f"line {at}" for at in range(29, 19, -1)]


async def test_a_hostile_line_is_only_text(browser: AsyncClient, store: EmbeddedStore) -> None:
    store.insert([batch(HOSTILE, service_name="<b>clinic</b>")])
    page = await shown(browser)
    assert (
        "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> {{ 7*7 }} ␛[31m \N{REPLACEMENT CHARACTER}gnp.exe"
        in page.text
    )
    assert "<b>clinic</b>" in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2


async def test_a_hostile_alert_is_only_text(browser: AsyncClient, fire: Callable[..., None]) -> None:
    fire(HOSTILE, alertname="<i>Down</i>", category="<u>outage</u>")
    page = await shown(browser)
    assert "<i>Down</i>: <script>alert(1)</script>" in page.text
    assert not {"img", "i", "u"} & {tag for tag, _ in page.tags}


async def test_no_patient_is_named_by_a_column(browser: AsyncClient, store: EmbeddedStore) -> None:
    store.insert([record("Patient read", kind="audit", patient_id="nhs-9434765919", user_id="ebrook", ts=NOW)])
    text = (await shown(browser)).text
    assert "ebrook" in text
    assert "9434765919" not in text


async def test_a_long_line_is_cut(browser: AsyncClient, store: EmbeddedStore) -> None:
    store.insert([batch("ö" * 100_000)])
    assert (await shown(browser)).text.count("ö") == 500


async def test_users_of_the_last_five_minutes_are_named(browser: AsyncClient, store: EmbeddedStore) -> None:
    role = [("user_role", "nurse")]
    store.insert([record("signed in", user_id="present", attributes=role, ts=NOW - 4 * 60 * 10**9)])
    store.insert([record("signed in", user_id="gone", attributes=role, ts=NOW - 6 * 60 * 10**9)])
    text = (await shown(browser)).text
    assert "present" in text
    assert "nurse" in text
    assert "gone" not in text


async def test_who_failed_to_sign_in_is_not_there(browser: AsyncClient, store: EmbeddedStore) -> None:
    failed = [("event_name", "user.login"), ("event_outcome", "failure")]
    store.insert([record("wrong password", kind="security", user_id="mallory", attributes=failed, ts=NOW)])
    assert "mallory" not in (await shown(browser)).text


async def test_open_incidents_are_listed_the_gravest_first(browser: AsyncClient, fire: Callable[..., None]) -> None:
    fire(alertname="DatabaseDown", severity="critical", category="outage")
    fire(alertname="HighCPU", severity="warning", category="resource")
    text = (await shown(browser)).text
    listed = text[text.index("Open incidents") :]
    assert listed.index("DatabaseDown") < listed.index("HighCPU")
    assert "5 min" in listed


async def test_prometheus_away_is_said_in_its_place_and_nothing_else_misses(
    browser: AsyncClient, store: EmbeddedStore, fire: Callable[..., None]
) -> None:
    store.insert([batch("still here")])
    fire(alertname="DatabaseDown", severity="critical")
    text = (await shown(browser)).text
    assert text.count("Not known: Prometheus does not answer") == 4
    assert "still here" in text
    assert "DatabaseDown" in text


async def test_times_are_utc_and_readable_by_machines(browser: AsyncClient, store: EmbeddedStore) -> None:
    store.insert([batch("a line", ts=NOW + 3_661 * 10**9)])
    source = (await browser.get("/")).text
    assert '<time datetime="2026-01-01T01:01:01Z">01:01:01</time>' in source


async def test_an_unknown_file_is_not_served(browser: AsyncClient) -> None:
    for name in ("console.py", "..%2Fpages.py", "%2e%2e/pages.py"):
        with pytest.raises((NotFound, HTTPStatusError)):
            (await browser.get(f"/console/static/0/{name}")).raise_for_status()


async def test_a_file_asked_for_by_an_older_page_is_not_kept(browser: AsyncClient) -> None:
    answer = await browser.get("/console/static/000000000000/console.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
