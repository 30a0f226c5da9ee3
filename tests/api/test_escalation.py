"""On call, notifications and the page that acknowledges, over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from icalendar import Calendar
from tests.escalation.conftest import ONCALL, Desk, desk  # noqa: F401 -- a fixture
from tests.gate import gated

from wardlight.api import ack, escalation
from wardlight.problems import Problem
from wardlight.server import _told

ROTATION = """
[rotations.support]
people = ["ann", "ben"]
start = 2025-12-29
"""


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[AsyncClient]:  # noqa: F811
    app = gated(FastAPI())
    app.add_exception_handler(Problem, _told)
    app.include_router(escalation.router(desk.escalation))
    app.include_router(ack.router(desk.escalation, desk.incidents))
    desk.configure(ONCALL + ROTATION)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://wardlight.example") as client:
        yield client


def link(desk: Desk) -> str:  # noqa: F811
    """Let an incident be told, and return the path of the link in it."""
    desk.fire()
    desk.tick()
    found = re.search(r"http://wardlight\.example(/ack/\S+)", desk.channels.sent[-1][1].whole())
    assert found
    return found[1]


async def test_following_the_link_changes_nothing(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    path = link(desk)
    for _ in range(2):
        page = await client.get(path)
        assert (page.status_code, '<form method="post">' in page.text) == (200, True)
    assert desk.incidents.get(1).state == "open"


async def test_the_button_acknowledges_for_the_person_who_was_told(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    page = await client.post(link(desk))
    incident = desk.incidents.get(1)
    assert page.status_code == 200
    assert "Acknowledged by Ann" in page.text
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "ann")
    assert incident.timeline[-1].source == "link"


async def test_a_link_is_used_once(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    path = link(desk)
    await client.post(path)
    assert (await client.post(path)).status_code == 410
    assert "It was used at" in (await client.get(path)).text


async def test_after_a_day_it_is_over(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    path = link(desk)
    desk.clock.advance(24 * 3600)
    assert [(await client.get(path)).status_code, (await client.post(path)).status_code] == [410, 410]
    assert desk.incidents.get(1).state == "open"


async def test_a_forged_link_is_refused(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    path = link(desk)
    forged = path[:-2] + ("AA" if path[-2:] != "AA" else "BB")
    assert [(await client.get(forged)).status_code, (await client.post(forged)).status_code] == [403, 403]
    assert desk.incidents.get(1).state == "open"


async def test_who_comes_second_is_told_who_was_first(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    path = link(desk)
    desk.incidents.acknowledge(1, "cat", "console")
    page = await client.post(path)
    assert page.status_code == 409
    assert "was acknowledged by cat" in page.text


async def test_the_page_tells_no_referrer_and_is_not_kept(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    headers = (await client.get(link(desk))).headers
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert "script-src" not in headers["content-security-policy"]


async def test_every_notification_has_its_reason(client: AsyncClient, desk: Desk) -> None:  # noqa: F811
    desk.channels.fail("ann", "HTTP 403", temporary=False)
    link(desk)
    answer = (await client.get("/api/v1/notifications", params={"incident": 1})).json()["notifications"]
    said = {(it["channel"], it["state"], it["reason"]) for it in answer}
    assert said == {("mail", "failed", "HTTP 403"), ("sms", "sent", "")}
    assert "json://" not in str(answer)


async def test_who_is_on_call_now_and_next(client: AsyncClient) -> None:
    answer = (await client.get("/api/v1/oncall")).json()
    (support,) = answer["rotations"]
    assert support["now"]["people"] == ["ann"]
    assert support["next"]["people"] == ["ben"]
    assert support["now"]["until"] == "2026-01-05T09:00:00Z"
    assert answer["people"]["ann"] == "Ann"


async def test_somebody_stands_in(client: AsyncClient) -> None:
    order = {"person": "cat", "since": "2026-01-01T11:00:00Z", "until": "2026-01-01T13:00:00Z", "actor": "maria"}
    assert (await client.post("/api/v1/oncall/support/overrides", json=order)).status_code == 204
    assert (await client.get("/api/v1/oncall")).json()["rotations"][0]["now"]["people"] == ["cat"]


@pytest.mark.parametrize(
    ("rotation", "change", "status"),
    [
        ("night", {}, 404), ("support", {"person": "zoe"}, 400), ("support", {"until": "2025-01-01T00:00:00Z"}, 400),
        ("support", {"until": "2026-01-01T13:00:00"}, 422), ("../x", {}, 404),
    ],
)  # fmt: skip
async def test_an_override_that_makes_no_sense_is_refused(
    client: AsyncClient, rotation: str, change: dict[str, str], status: int
) -> None:
    order = {"person": "cat", "since": "2026-01-01T11:00:00Z", "until": "2026-01-01T13:00:00Z", "actor": "maria"}
    assert (await client.post(f"/api/v1/oncall/{rotation}/overrides", json=order | change)).status_code == status


async def test_a_rotation_is_a_calendar(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/oncall/support.ics", params={"weeks": 4})
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    names = [str(event["SUMMARY"]) for event in Calendar.from_ical(answer.content).walk("VEVENT")]
    assert names[:3] == ["Ann", "Ben", "Ann"]
    assert (await client.get("/api/v1/oncall/other.ics")).status_code == 404
