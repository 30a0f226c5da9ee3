"""A stand-in for Alertmanager that shows what a test says: away, refusing, or with these alerts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Manager:
    """What it shows, and what it was told."""

    url: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    silences: list[dict[str, Any]] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    """Answered whatever is asked, if not None."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        self.asked.append(f"{method} {path}")
        if method == "POST" and path == "/api/v2/silences":
            self.silences.append(json.loads(body) | {"id": f"silence-{len(self.silences) + 1}"})
            return self.status, {"silenceID": self.silences[-1]["id"]}
        if method == "DELETE":
            self.expired.append(path.rpartition("/")[2])
            return self.status, {}
        return self.status, self.silences if path.startswith("/api/v2/silences") else self.alerts


def shown(fingerprint: str = "a", **changes: Any) -> dict[str, Any]:
    """Write an alert as Alertmanager 0.25 shows it."""
    labels = {"alertname": "DatabaseDown", "severity": "critical", "category": "outage"} | changes.pop("labels", {})
    return {
        "fingerprint": fingerprint,
        "labels": labels,
        "annotations": {"summary": "PostgreSQL does not answer"},
        "startsAt": "2026-01-01T12:00:00.000Z",
        "endsAt": "2026-01-01T12:04:00.000Z",
        "updatedAt": "2026-01-01T12:00:00.000Z",
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        "receivers": [{"name": "wardlight"}],
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=pg_up",
    } | changes


def silenced(*by: str, **changes: Any) -> dict[str, Any]:
    return shown(status={"state": "suppressed", "silencedBy": list(by), "inhibitedBy": []}, **changes)


@contextmanager
def listening() -> Iterator[Manager]:
    """Let one listen on a port of its own."""
    manager = Manager()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = manager.answer(self.command, self.path, body)
            written = manager.body if manager.body is not None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        manager.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield manager
        server.shutdown()
        thread.join()
