"""The pages of incidents: the list, and one with what can be done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from tests.console.test_page import HOSTILE, Page
from tests.gate import gated
from tests.incidents.manager import Manager, listening

from wardlight.clock import ManualClock, moment
from wardlight.console import Desk, incidents_router
from wardlight.incidents import Alert, Incidents, Notice
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.links import Places
from wardlight.incidents.silences import Silences
from wardlight.problems import Problem
from wardlight.server import _told
from wardlight.store.state import State


@pytest.fixture
def incidents(tmp_path: Path, clock: ManualClock) -> Iterator[Incidents]:
    state = State(tmp_path / "state.db")
    yield Incidents(state, clock)
    state.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    with listening() as manager:
        yield manager


@pytest.fixture
async def browser(incidents: Incidents, manager: Manager, clock: ManualClock) -> AsyncIterator[AsyncClient]:
    alertmanager = Alertmanager(manager.url)
    app = gated(FastAPI())
    app.add_exception_handler(Problem, _told)
    places = Places(prometheus="http://p:9090")
    app.include_router(incidents_router(Desk(incidents, Silences(alertmanager, incidents, clock), places, clock)))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://wardlight.test") as browser:
        yield browser
    alertmanager.close()


@pytest.fixture(autouse=True)
def fired(incidents: Incidents, clock: ManualClock) -> None:
    """Incident 1 is open."""
    fire(incidents, clock)


def fire(incidents: Incidents, clock: ManualClock, count: int = 1, group: str = "db", **changes: str) -> None:
    started = moment(clock.now_ns()) - timedelta(minutes=5)
    labels = {"alertname": "DatabaseDown", "severity": "critical", "category": "outage"}
    text = {"summary": "it is away", "description": "Nobody knows why.", "runbook_url": "https://wiki.test/db"}
    alerts = tuple(
        Alert(fingerprint=f"{at}", labels={**labels, "instance": f"node{at}", **changes}, annotations=text | changes,
              started=started, ended=None)
        for at in range(count)
    )  # fmt: skip
    incidents.receive(Notice(group_key=group, firing=True, alerts=alerts))


async def page(browser: AsyncClient, path: str = "/incidents/1") -> Page:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def actions(found: Page) -> set[str]:
    targets = [it.get("formaction") or it.get("action") for tag, it in found.tags if tag in ("form", "button")]
    return {target.rpartition("/")[2] for target in targets if target}


async def post(browser: AsyncClient, action: str, **form: str) -> tuple[int, str]:
    answer = await browser.post(f"/incidents/1/{action}", data={"actor": "maria", **form})
    return answer.status_code, answer.text


async def test_it_says_what_since_when_how_grave_and_who_is_on_it(browser: AsyncClient) -> None:
    text = (await page(browser)).text
    for said in (
        "DatabaseDown: it is away",
        "Nobody knows why.",
        "23:55",
        "5 min",
        "critical",
        "nobody",
        "1 of 1 fire",
    ):
        assert said in text


async def test_its_links_and_timeline_are_there(browser: AsyncClient) -> None:
    found = await page(browser)
    targets = [attributes.get("href") or "" for tag, attributes in found.tags if tag == "a"]
    assert "https://wiki.test/db" in targets
    assert [it for it in targets if it.startswith("/logs?query=")]
    assert "opened by alertmanager (webhook)" in found.text


async def test_an_alert_that_says_nothing_about_itself_has_a_page_too(
    browser: AsyncClient, incidents: Incidents, clock: ManualClock
) -> None:
    bare = Alert(fingerprint="x", labels={}, annotations={}, started=moment(clock.now_ns()), ended=None)
    incidents.receive(Notice(group_key="bare", firing=True, alerts=(bare,)))
    assert "Alert" in (await page(browser, "/incidents/2")).text


async def test_each_state_offers_what_it_allows(browser: AsyncClient, incidents: Incidents) -> None:
    assert actions(await page(browser)) == {"acknowledge", "resolve", "note", "merge", "silence"}
    incidents.acknowledge(1, "maria", "cli")
    assert actions(await page(browser)) == {"resolve", "note", "release", "merge", "silence"}
    incidents.resolve(1, "maria", "cli")
    assert actions(await page(browser)) == {"document", "note", "merge"}


async def test_from_the_alert_to_its_documented_end(browser: AsyncClient, incidents: Incidents) -> None:
    for action, form in (
        ("acknowledge", {"note": "looking"}),
        ("note", {"note": "the disk is full"}),
        ("resolve", {"note": ""}),
        ("document", {"cause": "capacity", "done": "Old backups\r\nwere removed.", "follow_up": "none"}),
    ):
        assert (await post(browser, action, **form))[0] == 303
    incident = incidents.get(1)
    assert (incident.state, incident.cause, incident.done) == ("documented", "capacity", "Old backups\nwere removed.")
    assert [(it.action, it.actor, it.source) for it in incident.timeline[1:]] == [
        (action, "maria", "console") for action in ("acknowledged", "noted", "resolved", "documented")
    ]
    found = await page(browser)
    assert actions(found) == set()
    assert "Old backups\nwere removed." in found.text


async def test_the_name_is_remembered(browser: AsyncClient) -> None:
    answer = await browser.post("/incidents/1/note", data={"actor": "María Ç", "note": "x"})
    assert answer.headers["location"] == "/incidents/1"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert next(a["value"] for _, a in (await page(browser)).tags if a.get("name") == "actor") == "María Ç"


async def test_what_cannot_be_done_is_said_and_what_was_written_is_kept(
    browser: AsyncClient, incidents: Incidents
) -> None:
    incidents.acknowledge(1, "jonas", "cli")
    status, text = await post(browser, "acknowledge")
    assert (status, "Not done: incident 1 was acknowledged by jonas at" in Page(text).text) == (409, True)
    incidents.resolve(1, "jonas", "cli")
    status, text = await post(browser, "document", cause="gremlins", done="A long story", follow_up="none")
    assert (status, "A long story" in text) == (400, True)


@pytest.mark.parametrize(
    ("action", "form", "reason"),
    [
        ("note", {"note": ""}, "the note is missing"),
        ("note", {"actor": "", "note": "x"}, "who does it is missing"),
        ("merge", {"into": "x"}, "the other incident&#39;s number is missing"),
        ("merge", {"into": "9"}, "there is no incident 9"),
        ("silence", {"hours": "-1", "note": "x"}, "how many hours is missing"),
        ("launch", {}, "there is no such action"),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused_with_the_reason(
    browser: AsyncClient, action: str, form: dict[str, str], reason: str
) -> None:
    status, text = await post(browser, action, **form)
    assert status in (400, 404)
    assert reason in text


async def test_it_silences_for_some_hours(browser: AsyncClient, manager: Manager) -> None:
    assert (await post(browser, "silence", hours="2", note="disk change"))[0] == 303
    assert manager.silences[0]["endsAt"] == "2026-01-01T02:00:00+00:00"


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.test"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
async def test_a_form_of_another_site_is_refused(
    browser: AsyncClient, incidents: Incidents, headers: dict[str, str]
) -> None:
    answer = await browser.post("/incidents/1/acknowledge", data={"actor": "maria"}, headers=headers)
    assert (answer.status_code, incidents.get(1).state) == (403, "open")


@pytest.mark.parametrize("body", [b"\xff", b"actor=%ff", b"&".join([b"a=b"] * 30), b"a" * 300_000])
async def test_what_is_no_form_is_refused(browser: AsyncClient, body: bytes) -> None:
    assert (await browser.post("/incidents/1/acknowledge", content=body)).status_code in (400, 413)


async def test_hostile_alerts_and_notes_are_only_text(
    browser: AsyncClient, incidents: Incidents, clock: ManualClock
) -> None:
    fire(
        incidents, clock, group="x", summary=HOSTILE, alertname="<i>x</i>", runbook_url="javascript:alert(1)", a=HOSTILE
    )
    incidents.note(2, "<b>maria</b>", "cli", HOSTILE)
    incidents.acknowledge(2, "<u>x</u>", "cli")
    for path in ("/incidents/2", "/incidents"):
        found = await page(browser, path)
        assert not {"img", "i", "u"} & {tag for tag, _ in found.tags}
        assert all((a.get("src") or "").startswith("/console/static/") for tag, a in found.tags if tag == "script")
        assert not [a for _, a in found.tags if (a.get("href") or "").startswith("javascript")]
    answer = await browser.get("/incidents/2")
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "form-action 'self'" in policy
    assert "default-src 'none'" in policy


async def test_of_a_storm_the_first_fifty_alerts_are_shown_and_all_counted(
    browser: AsyncClient, incidents: Incidents, clock: ManualClock
) -> None:
    fire(incidents, clock, 3000, group="storm")
    answer = await browser.get("/incidents/2")
    text = Page(answer.text).text
    assert "3000 of 3000 fire" in text
    assert "and 2950 more" in text
    assert len(answer.text) < 60_000


async def test_the_list_says_who_is_on_what_and_can_be_narrowed(
    browser: AsyncClient, incidents: Incidents, clock: ManualClock
) -> None:
    fire(incidents, clock, group="x", alertname="SlowRequests", severity="warning")
    incidents.acknowledge(1, "maria", "cli")
    incidents.resolve(2, "maria", "cli")
    text = (await page(browser, "/incidents")).text
    assert "acknowledged by maria" in text
    assert "SlowRequests" not in text
    assert "SlowRequests" in (await page(browser, "/incidents?state=all&severity=warning")).text
    assert "DatabaseDown" not in (await page(browser, "/incidents?state=all&severity=warning")).text
    assert "fires still" in (await page(browser, "/incidents?state=resolved")).text


async def test_the_list_has_pages(browser: AsyncClient, incidents: Incidents, clock: ManualClock) -> None:
    for at in range(60):
        fire(incidents, clock, group=f"g{at}")
    found = await page(browser, "/incidents")
    assert "61 in all" in found.text
    (older,) = [a["href"] for tag, a in found.tags if tag == "a" and "page=2" in (a.get("href") or "")]
    assert older == "/incidents?state=pending&page=2"
    assert "Newer" in (await page(browser, older or "")).text


@pytest.mark.parametrize("query", ["state=shut", "severity=grave", "page=0", "page=x", "page=9999999999"])
async def test_a_list_that_makes_no_sense_is_the_first_page(browser: AsyncClient, query: str) -> None:
    assert "DatabaseDown" in (await page(browser, f"/incidents?{query}")).text


async def test_an_unknown_incident_is_404(browser: AsyncClient) -> None:
    assert (await browser.get("/incidents/99")).status_code == 404
