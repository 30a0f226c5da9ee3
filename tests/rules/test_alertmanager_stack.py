"""From a line to an alert and to its end: the whole server, with a real Alertmanager."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from fastapi.testclient import TestClient

from wardlight.config import Receive, Settings, Stack
from wardlight.server import create_app

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
RULES = """
groups:
  - name: log-ins
    interval: 1s
    rules:
      - alert: FailedLogins
        expr: sum by (app) (count_over_time({app="portal"} |= "denied" [4s])) > 2
        for: 1s
        labels: {severity: critical}
        annotations: {summary: "{{ $value }} denied log-ins at {{ $labels.app }}"}
      - record: app:denied:count
        expr: sum by (app) (count_over_time({app="portal"} |= "denied" [1h]))
"""

pytestmark = [pytest.mark.stack, pytest.mark.skipif(PROGRAM is None, reason="alertmanager is not installed")]


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """The address of an Alertmanager that tells nobody."""
    config = {"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(PROGRAM), f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/alerts"]
    command += [f"--web.listen-address={address}", f"--web.external-url=http://{address}", "--cluster.listen-address="]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        yield f"http://{address}"
        running.terminate()
        running.wait(10)


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not so after {seconds} seconds"
        time.sleep(0.1)


def test_lines_raise_an_alert_that_ends_when_they_stop(alertmanager: str, tmp_path: Path) -> None:
    (tmp_path / "data" / "rules").mkdir(parents=True)
    (tmp_path / "data" / "rules" / "a.yml").write_text(RULES)
    settings = Settings(receive=Receive(derive_labels=False), stack=Stack(alertmanager=alertmanager))

    def known() -> list[dict[str, object]]:
        alerts: list[dict[str, object]] = httpx.get(f"{alertmanager}/api/v2/alerts", trust_env=False).json()
        return alerts

    with TestClient(create_app(settings, tmp_path / "data", open_=True), base_url="http://127.0.0.1:8480") as server:
        now = time.time_ns()
        lines = [[str(now + at), f"denied {at}"] for at in range(5)]
        pushed = server.post("/loki/api/v1/push", json={"streams": [{"stream": {"app": "portal"}, "values": lines}]})
        assert pushed.status_code == 204
        until(lambda: bool(known()))
        (alert,) = known()
        assert alert["labels"] == {"alertname": "FailedLogins", "app": "portal", "severity": "critical"}
        assert alert["annotations"] == {"summary": "5 denied log-ins at portal"}
        assert 'app:denied:count{app="portal"} 5.0' in server.get("/metrics").text
        question = parse_qs(urlsplit(str(alert["generatorURL"])).query)
        shown = server.get("/loki/api/v1/query", params={name: values[0] for name, values in question.items()})
        assert shown.json()["data"]["result"][0]["value"][1] == "5"
        until(lambda: not known())
        assert server.get("/prometheus/api/v1/alerts").json()["data"] == {"alerts": []}
