"""A real Alertmanager tells of an alert from its beginning to its end."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
import yaml
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from wardlight.api import alertmanager
from wardlight.clock import SystemClock
from wardlight.incidents import Incidents
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.history import History
from wardlight.incidents.silences import Silences
from wardlight.incidents.watch import Watch
from wardlight.store.state import State

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

STORM = 10_000

pytestmark = pytest.mark.stack


@pytest.fixture
async def incidents(tmp_path: Path) -> AsyncIterator[Incidents]:
    """Incidents behind a listening webhook, whose address is in `webhook`."""
    state = State(tmp_path / "state.db")
    incidents = Incidents(state, SystemClock())
    app = FastAPI()
    app.include_router(alertmanager.router(incidents))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (tmp_path / "webhook").write_text(f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1/alertmanager")
        serving = asyncio.create_task(server.serve([listening]))
        yield incidents
        server.should_exit = True
        await serving
    state.close()


@pytest.fixture
async def sender(incidents: Incidents, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an Alertmanager that tells the webhook."""
    if PROGRAM is None:
        pytest.skip("alertmanager is not installed")
    route = {
        "receiver": "wardlight",
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "1s",
    }
    receiver = {"name": "wardlight", "webhook_configs": [{"url": (tmp_path / "webhook").read_text()}]}
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump({"route": route, "receivers": [receiver]}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [PROGRAM, f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/data"]
    command += [f"--web.listen-address={address}", f"--web.external-url=http://{address}", "--cluster.listen-address="]
    with (tmp_path / "log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
            yield client
    finally:
        running.terminate()
        await asyncio.wait_for(running.wait(), 10)


async def tell(sender: httpx.AsyncClient, ends_in: float) -> None:
    """Post the alert, as soon as Alertmanager listens."""
    now = datetime.now(UTC)
    alert = {
        "labels": {"alertname": "DatabaseDown", "severity": "critical", "category": "outage"},
        "annotations": {"summary": "PostgreSQL does not answer"},
        "endsAt": (now + timedelta(seconds=ends_in)).isoformat(),
    }
    for _ in range(50):
        try:
            (await sender.post("/api/v2/alerts", json=[alert])).raise_for_status()
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
    pytest.fail("Alertmanager does not listen after 5 seconds")


async def until(incidents: Incidents, state: str) -> None:
    for _ in range(100):
        if [it.state for it in incidents.listed("all")] == [state]:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"no {state} incident after 10 seconds")


async def test_a_storm_of_ten_thousand_alerts_is_one_incident(incidents: Incidents, sender: httpx.AsyncClient) -> None:
    await tell(sender, ends_in=0.5)
    await until(incidents, "resolved")
    labels = {"alertname": "NodeDown", "severity": "warning", "category": "outage"}
    now = datetime.now(UTC)
    storm = [
        {
            "labels": {**labels, "instance": f"node{at:05}"},
            "annotations": {"summary": "A node is down", "description": "It hasn't answered for a minute."},
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(minutes=10)).isoformat(),
        }
        for at in range(STORM)
    ]
    (await sender.post("/api/v2/alerts", json=storm, timeout=60)).raise_for_status()
    for _ in range(300):
        if (found := await asyncio.to_thread(incidents.listed)) and incidents.get(found[0].id).alerts_firing == STORM:
            break
        await asyncio.sleep(0.1)
    (incident,) = incidents.listed()
    shown = incidents.get(incident.id)
    assert (shown.alerts_firing, len(shown.alerts), shown.labels) == (STORM, 50, labels)
    assert {event.action for event in shown.timeline} <= {"opened", "updated"}


async def test_what_alertmanager_silences_is_in_the_history_and_opens_nothing(
    incidents: Incidents, sender: httpx.AsyncClient, tmp_path: Path
) -> None:
    await tell(sender, ends_in=60)
    await until(incidents, "open")
    state, manager = State(tmp_path / "state.db"), Alertmanager(str(sender.base_url))
    history = History(state)
    watch = Watch(manager, incidents, history, SystemClock(), CollectorRegistry())
    end = datetime.now(UTC) + timedelta(hours=1)
    (silence,) = await asyncio.to_thread(
        lambda: Silences(manager, incidents, SystemClock()).silence(1, "maria", "cli", "a test", end)
    )

    def seen() -> list[tuple[str, list[str]]]:
        watch.look()
        return [(it.state, list(it.by)) for it in history.listed()[:1]]

    assert await asyncio.to_thread(seen) == [("silenced", [f"{silence} by maria"])]
    assert incidents.get(1).state == "open"
    await asyncio.to_thread(Silences(manager, incidents, SystemClock()).expire, 1, silence, "maria", "cli")
    for _ in range(50):
        if await asyncio.to_thread(seen) == [("active", [])]:
            break
        await asyncio.sleep(0.1)
    assert await asyncio.to_thread(seen) == [("active", [])]
    manager.close()
    state.close()


async def test_an_alert_is_an_incident_from_beginning_to_end(incidents: Incidents, sender: httpx.AsyncClient) -> None:
    await tell(sender, ends_in=60)
    await until(incidents, "open")
    incident = incidents.get(1)
    assert (incident.title, incident.severity) == ("DatabaseDown: PostgreSQL does not answer", "critical")
    await asyncio.sleep(2.5)
    assert len(incidents.get(1).timeline) == 1
    assert incidents.get(1).last_notice > incident.last_notice
    await tell(sender, ends_in=-0.1)
    await until(incidents, "resolved")
    assert [event.action for event in incidents.get(1).timeline] == ["opened", "resolved"]
