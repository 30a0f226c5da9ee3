"""From Alertmanager's webhook to a message and back, through the whole server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from fastapi.testclient import TestClient

from wardlight.config import load
from wardlight.server import create_app

NOTICE = {
    "version": "4", "groupKey": "db", "status": "firing",
    "alerts": [{
        "status": "firing", "labels": {"alertname": "DatabaseDown", "severity": "critical", "instance": "db:5432"},
        "annotations": {"summary": "Database db:5432 is down"}, "startsAt": "2026-01-01T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "a",
    }],
}  # fmt: skip


@pytest.fixture
def hook() -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    """A service that takes messages."""
    messages: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_address[1]}/hook", messages
    server.shutdown()
    server.server_close()


def test_an_alert_is_told_acknowledged_by_its_link_and_told_over(
    tmp_path: Path, hook: tuple[str, Queue[dict[str, Any]]]
) -> None:
    address, messages = hook
    data = tmp_path / "data"
    data.mkdir()
    (data / "oncall.toml").write_text(f'[contact]\nchannels = ["{address}"]\n')
    app = create_app(load(None, {"WARDLIGHT_SERVER_URL": "https://watch.example/"}), data, open_=True)
    with TestClient(app, base_url="http://127.0.0.1:8480") as client:
        assert client.post("/api/v1/alertmanager", json=NOTICE).status_code == 204
        message = messages.get(timeout=30)
        assert message["title"] == "CRITICAL: DatabaseDown (db:5432)"
        found = re.search(r"https://watch\.example(/ack/\S+)", message["message"])
        assert found
        assert client.post(found[1]).status_code == 200
        assert client.get("/api/v1/incidents/1").json()["acknowledged_by"] == "contact"
        client.post("/api/v1/incidents/1/resolve", json={"actor": "maria"})
        assert messages.get(timeout=30)["title"] == "Resolved: DatabaseDown (db:5432)"
