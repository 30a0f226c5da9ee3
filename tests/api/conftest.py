"""A whole server on a port of its own, asked over HTTP as Grafana asks it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from wardlight.config import Settings, load
from wardlight.server import create_app

BASE = 1_767_225_600 * 10**9
"""1 January 2026."""


@dataclass
class Loki:
    """The server, and a client for it."""

    client: httpx.Client
    port: int

    def push(self, labels: Mapping[str, str], *lines: str | tuple[int, str] | tuple[int, str, dict[str, str]]) -> None:
        """Push lines a second apart, or (seconds after BASE, line, metadata)."""
        values = []
        for at, given in enumerate(lines):
            after, line, *metadata = (at, given) if isinstance(given, str) else given
            values.append([str(BASE + int(after) * 10**9), line, *metadata])
        self.push_streams([{"stream": dict(labels), "values": values}])

    def push_streams(self, streams: list[dict[str, Any]]) -> None:
        """Push streams as they are."""
        answer = self.client.post("/loki/api/v1/push", json={"streams": streams})
        assert answer.status_code == 204, answer.text

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        """Ask, around BASE unless something else is said."""
        span = {"start": BASE - 10**9, "end": BASE + 3600 * 10**9} if "time" not in parameters else {}
        return self.client.get(f"/loki/api/v1/{path}", params={**span, **parameters})

    def lines(self, query: str, **parameters: Any) -> list[str]:
        """Ask for lines; list them over all streams."""
        answer = self.get("query_range", query=query, direction="forward", limit=1000, **parameters)
        assert answer.status_code == 200, answer.text
        found = [value for stream in answer.json()["data"]["result"] for value in stream["values"]]
        return [value[1] for value in sorted(found, key=lambda value: int(value[0]))]

    def series(self, query: str, at: int = 3600) -> dict[str, float]:
        """Ask for a metric at one moment, in seconds after BASE: labels as text to value."""
        answer = self.get("query", query=query, time=BASE + at * 10**9)
        assert answer.status_code == 200, answer.text
        result = answer.json()["data"]["result"]
        return {" ".join(f"{k}={v}" for k, v in sorted(x["metric"].items())): float(x["value"][1]) for x in result}


@pytest.fixture(scope="module")
def loki_settings() -> Settings:
    """Settings of the server; a module may have its own."""
    return load(None, {"WARDLIGHT_RECEIVE_DERIVE_LABELS": "false"})


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory, loki_settings: Settings) -> Iterator[Loki]:
    """A running server, which the tests of one module share: each takes labels of its own."""
    app = create_app(loki_settings, tmp_path_factory.mktemp("server") / "data", open_=True)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield Loki(client, port)
    server.should_exit = True
    thread.join(timeout=30)
