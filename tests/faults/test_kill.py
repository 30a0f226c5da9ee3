"""Killed at random under load: no acknowledged record is missing, none is there twice, the store opens each time.

Every tenth line of a request is of kind `audit`: it goes through the ledger and its projection.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from wardlight.store.embedded import EmbeddedStore

SENDERS = 4
LINES, AUDIT = 50, 5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(data: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server and wait until it is ready."""
    # Small and frequent inserts into the engine, so that kills meet them.
    environment = os.environ | {"WARDLIGHT_STORE_FLUSH_SECONDS": "0.05"}
    child = subprocess.Popen(
        [sys.executable, "-m", "wardlight", "serve", "--open", "--data", str(data), "--listen", f"127.0.0.1:{port}"],
        env=environment,
    )
    for _ in range(300):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                return child
        except httpx.TransportError:
            time.sleep(0.05)
        assert child.poll() is None, "the store must open after every kill"
    pytest.fail("the server isn't ready after 15 s")


class Sender(threading.Thread):
    """Pushes numbered lines, each request under its own key until it is acknowledged."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(name=name, daemon=True)
        self.url = f"http://127.0.0.1:{port}/loki/api/v1/push"
        self.stop = threading.Event()
        self.acknowledged = 0

    def run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self.stop.is_set():
                self.push(client)

    def push(self, client: httpx.Client) -> None:
        number = self.acknowledged
        now = time.time_ns()
        values = [[str(now + at), f"{self.name} {number} {at}"] for at in range(LINES)]
        logs = {"stream": {"app": self.name}, "values": values[AUDIT:]}
        audit = {"stream": {"app": self.name, "wardlight_kind": "audit"}, "values": values[:AUDIT]}
        body = json.dumps({"streams": [logs, audit]})
        headers = {"content-type": "application/json", "idempotency-key": f"{self.name}-{number}"}
        while True:
            try:
                if client.post(self.url, content=body, headers=headers).status_code == 204:
                    self.acknowledged += 1
                    return
            except httpx.TransportError:
                pass
            if self.stop.wait(0.02):
                return


def projected(port: int) -> None:
    """Wait until the engine has what the ledger has."""
    for _ in range(600):
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        if "wardlight_audit_projection_lag_entries 0.0" in metrics:
            return
        time.sleep(0.1)
    pytest.fail("the projection doesn't catch up within a minute")


@pytest.mark.stack
def test_nothing_is_lost_and_nothing_is_doubled(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills = int(request.config.getoption("--kills"))
    chance = random.Random(kills)
    data, port = tmp_path / "data", free_port()
    child = serve(data, port)
    senders = [Sender(f"sender-{at}", port) for at in range(SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.0))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child = serve(data, port)
    for sender in senders:
        sender.stop.set()
        sender.join(30)
    projected(port)
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) in (0, -signal.SIGTERM)
    store = EmbeddedStore(data / "logs")
    try:
        found = Counter(store.select("SELECT body FROM logs")["body"].to_pylist())
        indices = store.select("SELECT idx FROM audit ORDER BY idx")["idx"].to_pylist()
    finally:
        store.close()
    assert sum(sender.acknowledged for sender in senders) > 0
    missing = [
        line
        for sender in senders
        for number in range(sender.acknowledged)
        for line in (f"{sender.name} {number} {at}" for at in range(LINES))
        if line not in found
    ]
    assert missing == []
    assert [line for line, times in found.items() if times > 1] == []
    assert indices == list(range(len(indices)))
