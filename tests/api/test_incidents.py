"""Incidents over HTTP: asking, acting, silencing, the history of alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client import CollectorRegistry
from tests.gate import gated
from tests.incidents.manager import Manager, listening, shown, silenced
from tests.incidents.said import NOON, alert, firing, resolved

from wardlight.api import incidents as api
from wardlight.clock import ManualClock
from wardlight.incidents import Incidents
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.history import History
from wardlight.incidents.links import Places
from wardlight.incidents.silences import Silences
from wardlight.incidents.watch import Watch
from wardlight.problems import Problem
from wardlight.server import _told
from wardlight.store.state import State


@pytest.fixture
def manager() -> Iterator[Manager]:
    with listening() as manager:
        yield manager


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.db")
    yield state
    state.close()


@pytest.fixture
def incidents(state: State) -> Incidents:
    """Incident 1 is open."""
    incidents = Incidents(state, ManualClock())
    incidents.receive(firing())
    return incidents


@pytest.fixture
async def client(state: State, incidents: Incidents, manager: Manager) -> AsyncIterator[AsyncClient]:
    clock, history, alertmanager = ManualClock(), History(state), Alertmanager(manager.url)
    manager.alerts = [shown(), silenced("s", fingerprint="b")]
    Watch(alertmanager, incidents, history, clock, CollectorRegistry()).look()
    app = gated(FastAPI())
    app.add_exception_handler(Problem, _told)
    app.include_router(api.router(incidents, Silences(alertmanager, incidents, clock), history, Places()))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://wardlight.test/api/v1") as client:
        yield client
    alertmanager.close()


async def act(client: AsyncClient, action: str, **body: Any) -> Any:
    answer = await client.post(f"/incidents/1/{action}", json={"actor": "maria", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_from_the_alert_to_its_documented_end(client: AsyncClient) -> None:
    assert (await act(client, "acknowledge", note="looking"))["acknowledged_by"] == "maria"
    assert (await act(client, "release", note="called away"))["state"] == "open"
    await act(client, "acknowledge")
    await act(client, "note", note="the disk is full")
    assert (await act(client, "resolve"))["state"] == "resolved"
    closed = await act(client, "document", cause="capacity", done="Cleaned up.", follow_up="none")
    assert (closed["state"], closed["cause"]) == ("documented", "capacity")
    timeline = (await client.get("/incidents/1")).json()["timeline"]
    assert [it["action"] for it in timeline] == [
        "opened", "acknowledged", "released", "acknowledged", "noted", "resolved", "documented",
    ]  # fmt: skip
    assert {it["source"] for it in timeline[1:]} == {"api"}


async def test_the_second_is_told_who_was_first(client: AsyncClient) -> None:
    await act(client, "acknowledge")
    answer = await client.post("/incidents/1/acknowledge", json={"actor": "jonas"})
    assert (answer.status_code, "acknowledged by maria" in answer.json()["error"]) == (409, True)


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("acknowledge", {"actor": ""}, 400),
        ("acknowledge", {}, 400),
        ("acknowledge", {"actor": "m", "source": "webhook"}, 422),
        ("note", {"actor": "m", "note": " "}, 400),
        ("note", {"actor": "m", "note": "x" * 10_001}, 400),
        ("document", {"actor": "m", "cause": "hardware", "done": "x", "follow_up": "none"}, 409),
        ("release", {"actor": "m", "note": "x"}, 409),
        ("merge", {"actor": "m", "into": 9}, 404),
        ("merge", {"actor": "m", "into": 1}, 409),
        ("silence", {"actor": "m", "note": "x", "until": "2026-01-01T12:00:00"}, 422),
        ("silence", {"actor": "m", "note": "x", "until": "2025-01-01T12:00:00Z"}, 400),
    ],
)
async def test_what_makes_no_sense_is_refused(client: AsyncClient, action: str, body: Any, status: int) -> None:
    assert (await client.post(f"/incidents/1/{action}", json=body)).status_code == status


async def test_merging_returns_the_one_that_goes_on(client: AsyncClient, incidents: Incidents) -> None:
    incidents.receive(firing(alert("b"), group="app"))
    assert (await act(client, "merge", into=2))["id"] == 2
    assert (await client.get("/incidents/2")).json()["merged"] == [1]


async def test_silencing_and_its_end(client: AsyncClient, manager: Manager) -> None:
    assert await act(client, "silence", note="disk change", until="2026-01-01T02:00:00Z") == {"silences": ["silence-1"]}
    assert (await client.delete("/incidents/1/silence/silence-1?actor=maria")).status_code == 204
    assert manager.expired == ["silence-1"]


async def test_the_list_is_of_what_is_pending_and_can_be_narrowed(client: AsyncClient, incidents: Incidents) -> None:
    incidents.receive(firing(alert("b", severity="info"), group="app"))
    incidents.receive(firing(alert("c"), group="disk"))
    incidents.receive(resolved(alert("c", ended=NOON), group="disk"))
    incidents.acknowledge(1, "maria", "cli")

    async def ids(query: str) -> list[int]:
        return [it["id"] for it in (await client.get(f"/incidents?{query}")).json()["incidents"]]

    assert await ids("") == [2, 1]
    assert await ids("state=open") == [2]
    assert await ids("state=acknowledged") == [1]
    assert await ids("state=all") == [3, 2, 1]
    assert await ids("state=all&severity=critical") == [3, 1]
    assert await ids("state=all&since=2026-01-01T00:00:01Z") == []
    assert await ids("state=all&limit=1&page=2") == [2]
    assert (await client.get("/incidents?state=all&limit=1")).json()["total"] == 3


async def test_one_has_its_links_and_the_first_of_its_alerts(client: AsyncClient, incidents: Incidents) -> None:
    incidents.receive(firing(*(alert(str(at)) for at in range(80)), group="storm"))
    found = (await client.get("/incidents/2")).json()
    assert (len(found["alerts"]), found["alerts_firing"], found["alerts_total"]) == (50, 80, 80)
    assert found["links"][0]["name"] == "Logs"
    assert len((await client.get("/incidents/2?alerts=100")).json()["alerts"]) == 80


async def test_the_history_has_silenced_alerts_too(client: AsyncClient) -> None:
    found = (await client.get("/alert-history")).json()["alerts"]
    assert {(it["fingerprint"], it["state"]) for it in found} == {("a", "active"), ("b", "silenced")}
    (one,) = (await client.get("/alert-history?state=silenced")).json()["alerts"]
    assert (one["by"], one["ended"]) == (["s"], None)


@pytest.mark.parametrize("number", ["0", "-1", "9" * 30, "x"])
async def test_a_number_that_is_none_is_refused(client: AsyncClient, number: str) -> None:
    assert (await client.get(f"/incidents/{number}")).status_code == 422


async def test_every_action_is_described(client: AsyncClient) -> None:
    paths = (await client.get("http://wardlight.test/openapi.json")).json()["paths"]
    assert all(operation["summary"][0].isupper() for path in paths.values() for operation in path.values())
    assert len(paths) == 11
