"""Telling Alertmanager, when it listens and when it doesn't."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry

from wardlight.alertmanager import outbox
from wardlight.alertmanager.outbox import Notice, Outbox


@dataclass
class Manager:
    """Takes alerts as told: each answer has the next status, then all have 200."""

    statuses: list[int] = field(default_factory=list)
    posts: list[list[dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = FastAPI()

        @app.post("/api/v2/alerts")
        async def take(request: Request) -> Response:
            self.posts.append(json.loads(await request.body()))
            return Response(status_code=self.statuses.pop(0) if self.statuses else 200)

        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            serving = asyncio.create_task(server.serve([listening]))
            yield
            server.should_exit = True
            await serving


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    manager = Manager()
    async with manager.listening():
        yield manager


def notice(name: str = "A", ends: int = 2 * 10**18) -> Notice:
    return Notice(labels={"alertname": name}, annotations={"s": "t"}, starts_ns=10**18, ends_ns=ends, link="http://x/q")


async def until(true: Callable[[], object]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not so after 10 seconds")


def counted(registry: CollectorRegistry, name: str) -> float | None:
    return registry.get_sample_value(f"wardlight_alertmanager_{name}")


async def test_an_alert_is_posted_in_alertmanagers_words(manager: Manager) -> None:
    box = Outbox(manager.url + "/", registry := CollectorRegistry())
    async with box.running():
        box.put([notice()])
        await until(lambda: not box._waiting)
    assert manager.posts == [
        [
            {
                "labels": {"alertname": "A"},
                "annotations": {"s": "t"},
                "startsAt": "2001-09-09T01:46:40+00:00",
                "endsAt": "2033-05-18T03:33:20+00:00",
                "generatorURL": "http://x/q",
            }
        ]
    ]
    assert counted(registry, "alerts_sent_total") == 1


async def test_what_fails_is_tried_again(
    manager: Manager, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PAUSE", 0.01)
    manager.statuses = [503, 429]
    box = Outbox(manager.url, registry := CollectorRegistry())
    box.put([notice()])
    async with box.running():
        await until(lambda: not box._waiting)
    assert len(manager.posts) == 3
    assert counted(registry, "send_failures_total") == 2
    assert [record.message for record in caplog.records if record.name == outbox.__name__] == [
        "Alertmanager doesn't take alerts: status 503"
    ]


async def test_nobody_listening_is_a_failure_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    box = Outbox(url, registry := CollectorRegistry())
    async with box.running():
        box.put([notice()])
        await until(lambda: counted(registry, "send_failures_total"))
    assert counted(registry, "queue") == 1


async def test_what_alertmanager_refuses_is_dropped_and_counted(manager: Manager) -> None:
    manager.statuses = [400]
    box = Outbox(manager.url, registry := CollectorRegistry())
    async with box.running():
        box.put([notice()])
        await until(lambda: not box._waiting)
    assert (counted(registry, "alerts_dropped_total"), len(manager.posts)) == (1, 1)


async def test_many_alerts_go_in_batches_in_order(manager: Manager) -> None:
    box = Outbox(manager.url, CollectorRegistry())
    box.put(notice(str(at)) for at in range(150))
    async with box.running():
        await until(lambda: not box._waiting)
    assert [len(post) for post in manager.posts] == [64, 64, 22]
    assert [each["labels"]["alertname"] for post in manager.posts for each in post] == [str(at) for at in range(150)]


def test_only_the_latest_word_on_an_alert_waits() -> None:
    box = Outbox("http://127.0.0.1:1", CollectorRegistry())
    box.put([notice(), notice("B"), notice(ends=10**18 + 1)])
    assert [(each.labels["alertname"], each.ends_ns) for each in box._waiting.values()] == [
        ("B", 2 * 10**18),
        ("A", 10**18 + 1),
    ]


def test_the_queue_is_bounded_and_what_falls_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_QUEUE", 3)
    box = Outbox("http://127.0.0.1:1", registry := CollectorRegistry())
    box.put(notice(str(at)) for at in range(5))
    assert [each.labels["alertname"] for each in box._waiting.values()] == ["2", "3", "4"]
    assert counted(registry, "alerts_dropped_total") == 2
