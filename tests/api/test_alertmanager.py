"""Alertmanager's webhook and the incidents it leaves, over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from httpx import ASGITransport, AsyncClient
from tests.gate import gated

from wardlight.api import alertmanager
from wardlight.api import incidents as incidents_api
from wardlight.clock import ManualClock
from wardlight.incidents import Incidents
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.history import History
from wardlight.incidents.links import Places
from wardlight.incidents.silences import Silences
from wardlight.problems import Problem
from wardlight.store.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.db")
    yield state
    state.close()


@pytest.fixture
async def client(state: State) -> AsyncIterator[AsyncClient]:
    incidents = Incidents(state, ManualClock())
    app = gated(FastAPI())
    app.include_router(alertmanager.router(incidents))
    nobody = Alertmanager("http://127.0.0.1:9")
    silences = Silences(nobody, incidents, ManualClock())
    app.include_router(incidents_api.router(incidents, silences, History(state), Places()))

    @app.exception_handler(Problem)
    def told(request: Request, problem: Problem) -> JSONResponse:
        return JSONResponse({"message": str(problem)}, status_code=problem.status)

    async with AsyncClient(transport=ASGITransport(app), base_url="http://wardlight.test") as client:
        yield client
    nobody.close()


def notice(**changes: Any) -> dict[str, Any]:
    """Write what Alertmanager 0.25 sends."""
    return {
        "receiver": "wardlight",
        "status": "firing",
        "alerts": [alert()],
        "groupLabels": {"alertname": "DatabaseDown"},
        "commonLabels": {"alertname": "DatabaseDown", "severity": "critical"},
        "commonAnnotations": {"summary": "PostgreSQL does not answer"},
        "externalURL": "http://127.0.0.1:9093",
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="DatabaseDown"}',
        "truncatedAlerts": 0,
    } | changes


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "DatabaseDown", "severity": "critical", "category": "outage", "job": "postgres"},
        "annotations": {"summary": "PostgreSQL does not answer"},
        "startsAt": "2026-01-01T14:00:00.123456789+02:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=pg_up",
        "fingerprint": "c9e2a1d0b7f4e812",
    } | changes


async def test_a_notice_becomes_an_incident(client: AsyncClient) -> None:
    answer = await client.post("/api/v1/alertmanager", json=notice())
    assert (answer.status_code, answer.content) == (204, b"")
    (incident,) = (await client.get("/api/v1/incidents")).json()["incidents"]
    assert incident == {
        "id": 1,
        "group_key": '{}/{severity="critical"}:{alertname="DatabaseDown"}',
        "state": "open",
        "severity": "critical",
        "category": "outage",
        "title": "DatabaseDown: PostgreSQL does not answer",
        "labels": alert()["labels"],
        "annotations": alert()["annotations"],
        "started": "2026-01-01T12:00:00.123457Z",
        "ended": None,
        "first_notice": "2026-01-01T00:00:00Z",
        "last_notice": "2026-01-01T00:00:00Z",
        "opened": "2026-01-01T00:00:00Z",
        "origin": "alertmanager",
        "firing": True,
        "reopened": 0,
        "acknowledged_by": "",
        "acknowledged_at": None,
        "resolved_at": None,
        "merged_into": None,
        "cause": "",
        "done": "",
        "follow_up": "",
    }


async def test_one_incident_shows_its_alerts_and_timeline(client: AsyncClient) -> None:
    await client.post("/api/v1/alertmanager", json=notice())
    incident = (await client.get("/api/v1/incidents/1")).json()
    assert [it["fingerprint"] for it in incident["alerts"]] == ["c9e2a1d0b7f4e812"]
    assert [it["action"] for it in incident["timeline"]] == ["opened"]


async def test_the_same_notice_twice_changes_nothing(client: AsyncClient) -> None:
    await client.post("/api/v1/alertmanager", json=notice())
    before = (await client.get("/api/v1/incidents/1")).json()
    await client.post("/api/v1/alertmanager", json=notice())
    assert (await client.get("/api/v1/incidents/1")).json() == before


async def test_it_is_on_disk_before_the_answer(client: AsyncClient, tmp_path: Path) -> None:
    await client.post("/api/v1/alertmanager", json=notice())
    other = State(tmp_path / "state.db")
    assert Incidents(other, ManualClock()).get(1).state == "open"
    other.close()


async def test_the_end_resolves_it(client: AsyncClient) -> None:
    await client.post("/api/v1/alertmanager", json=notice())
    over = alert(status="resolved", endsAt="2026-01-01T12:05:00Z")
    await client.post("/api/v1/alertmanager", json=notice(status="resolved", alerts=[over]))
    assert (await client.get("/api/v1/incidents?state=open")).json() == {"incidents": [], "total": 0}
    (incident,) = (await client.get("/api/v1/incidents?state=resolved")).json()["incidents"]
    assert incident["ended"] == "2026-01-01T12:05:00Z"


async def test_fields_we_do_not_know_are_let_pass(client: AsyncClient) -> None:
    answer = await client.post("/api/v1/alertmanager", json=notice(newcomer={"a": 1}, alerts=[alert(newcomer=[])]))
    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"version": "3"}, "$.version"),
        ({"version": 4}, "$.version"),
        ({"groupKey": ""}, "$.groupKey"),
        ({"status": "perhaps"}, "$.status"),
        ({"alerts": []}, "$.alerts"),
        ({"alerts": "none"}, "$.alerts"),
        ({"alerts": [alert(labels={"a": 1})]}, "$.alerts[0].labels[...]"),
        ({"alerts": [alert(), alert(startsAt="noon")]}, "$.alerts[1].startsAt"),
        ({"alerts": [alert(startsAt="2026-01-01T12:00:00")]}, "$.alerts[0].startsAt"),
        ({"alerts": [alert(fingerprint=None)]}, "$.alerts[0].fingerprint"),
        ({"truncatedAlerts": -1}, "$.truncatedAlerts"),
        ({"truncatedAlerts": "many"}, "$.truncatedAlerts"),
        ({"groupKey": 7}, "$.groupKey"),
        ({"groupKey": None}, "$.groupKey"),
        ({"status": "FIRING"}, "$.status"),
        ({"alerts": None}, "$.alerts"),
        ({"alerts": {"0": alert()}}, "$.alerts"),
        ({"alerts": [None]}, "$.alerts[0]"),
        ({"alerts": [alert(), []]}, "$.alerts[1]"),
        ({"alerts": [alert(status="pending")]}, "$.alerts[0].status"),
        ({"alerts": [alert(labels=None)]}, "$.alerts[0].labels"),
        ({"alerts": [alert(labels={"a": ["b"]})]}, "$.alerts[0].labels[...]"),
        ({"alerts": [alert(annotations={"a": None})]}, "$.alerts[0].annotations[...]"),
        ({"alerts": [alert(fingerprint="")]}, "$.alerts[0].fingerprint"),
        ({"alerts": [alert(endsAt="")]}, "$.alerts[0].endsAt"),
        ({"alerts": [alert(endsAt="2026-02-30T00:00:00Z")]}, "$.alerts[0].endsAt"),
        ({"alerts": [alert(startsAt=1767268800)]}, "$.alerts[0].startsAt"),
        ({"alerts": [alert(generatorURL=1)]}, "$.alerts[0].generatorURL"),
        ({"alerts": [alert(startsAt="0001-01-01T00:00:00+14:00")]}, "years 1 to 9999"),
    ],
)
async def test_a_malformed_notice_is_refused_by_the_name_of_its_field(
    client: AsyncClient, changes: dict[str, Any], named: str
) -> None:
    answer = await client.post("/api/v1/alertmanager", json=notice(**changes))
    assert answer.status_code == 400
    assert named in answer.json()["message"]


@pytest.mark.parametrize(
    "text", ["a\x00b", "\U0001f600" * 1000, "\u202e", "x" * 1_000_000, "'; DROP TABLE incidents; --"]
)
async def test_odd_text_is_kept_as_it_is(client: AsyncClient, text: str) -> None:
    odd = alert(labels={"alertname": text}, annotations={"summary": text})
    assert (await client.post("/api/v1/alertmanager", json=notice(groupKey=text, alerts=[odd]))).status_code == 204
    found = (await client.get("/api/v1/incidents/1")).json()
    assert (found["group_key"], found["labels"], found["annotations"]) == (text, odd["labels"], odd["annotations"])


@pytest.mark.parametrize("field", ["groupKey", "fingerprint", "alertname"])
async def test_half_a_character_is_refused(client: AsyncClient, field: str) -> None:
    sent = json.dumps(notice(groupKey="groupKey", alerts=[alert(fingerprint="fingerprint", labels={"a": "alertname"})]))
    broken = sent.replace(f': "{field}"', ': "\\ud800"', 1)
    assert broken != sent
    assert (await client.post("/api/v1/alertmanager", content=broken)).status_code == 400
    assert (await client.get("/api/v1/incidents?state=all")).json()["total"] == 0


@pytest.mark.parametrize("missing", ["version", "groupKey", "status", "alerts"])
async def test_a_missing_field_is_named(client: AsyncClient, missing: str) -> None:
    sent = notice()
    del sent[missing]
    answer = await client.post("/api/v1/alertmanager", json=sent)
    assert (answer.status_code, f"`{missing}`" in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": "\xff"}', b'{"a":' + b"[" * 100_000]
)
async def test_what_is_no_notice_is_refused(client: AsyncClient, body: bytes) -> None:
    assert (await client.post("/api/v1/alertmanager", content=body)).status_code == 400


async def test_a_refused_notice_leaves_nothing(client: AsyncClient) -> None:
    await client.post("/api/v1/alertmanager", json=notice(alerts=[alert(), alert(startsAt="noon")]))
    assert (await client.get("/api/v1/incidents?state=all")).json() == {"incidents": [], "total": 0}


async def test_a_notice_that_is_too_large_is_refused_with_the_remedy(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alertmanager, "MAX_BYTES", 1000)
    answer = await client.post("/api/v1/alertmanager", content=json.dumps(notice()) + " " * 1000)
    assert answer.status_code == 413
    assert "max_alerts" in answer.json()["message"]


async def test_a_state_database_that_is_away_asks_for_another_try(
    client: AsyncClient, state: State, tmp_path: Path
) -> None:
    state.close()
    (tmp_path / "state.db").write_bytes(b"damaged" * 1000)
    assert (await client.post("/api/v1/alertmanager", json=notice())).status_code == 503


async def test_an_unknown_incident_is_404(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/incidents/9")).status_code == 404


@pytest.mark.parametrize("query", ["state=shut", "limit=0", "limit=1001", "limit=many"])
async def test_a_question_that_makes_no_sense_is_refused(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/v1/incidents?{query}")).status_code == 422


async def test_the_limit_is_kept(client: AsyncClient) -> None:
    for at in range(3):
        await client.post("/api/v1/alertmanager", json=notice(groupKey=f"group {at}"))
    listed = (await client.get("/api/v1/incidents?limit=2")).json()["incidents"]
    assert [it["group_key"] for it in listed] == ["group 2", "group 1"]
