"""The whole server with a real Alertmanager: a job falls silent, and is back; a window silences it; the docs' commands."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from click.testing import CliRunner

from wardlight.cli import main
from wardlight.config import Server, Settings, Stack
from wardlight.server import create_app

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
PAGE = (Path(__file__).parents[2] / "docs" / "heartbeats.md").read_text()

pytestmark = [pytest.mark.stack, pytest.mark.skipif(PROGRAM is None, reason="alertmanager is not installed")]


@contextmanager
def alertmanager(directory: Path) -> Iterator[str]:
    """Run an Alertmanager that tells nobody."""
    config = {"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(PROGRAM), f"--config.file={directory}/alertmanager.yml", f"--storage.path={directory}/alerts"]
    command += [f"--web.listen-address={address}", f"--web.external-url=http://{address}", "--cluster.listen-address="]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        yield f"http://{address}"
        running.terminate()
        running.wait(10)


class House:
    """A server on a port of its own, its Alertmanager and its command line."""

    def __init__(self, data: Path, manager: str, url: str) -> None:
        self.data, self.manager, self.url = data, manager, url

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.manager}/api/v2/alerts", trust_env=False).json()
        return found

    def ping(self, path: str) -> None:
        assert httpx.post(f"{self.url}/ping/{path}", content=b"42 results", trust_env=False).status_code == 200

    def wardlight(self, *arguments: str) -> str:
        done = CliRunner().invoke(main, [*arguments, *([] if "--url" in arguments else ["--data", str(self.data)])])
        assert done.exit_code == 0, done.output
        return done.output

    def lines(self, query: str) -> list[str]:
        answer = httpx.get(f"{self.url}/loki/api/v1/query_range", params={"query": query}, trust_env=False).json()
        return [value[1] for stream in answer["data"]["result"] for value in stream["values"]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    with alertmanager(directory) as manager:
        settings = Settings(server=Server(listen=address), stack=Stack(alertmanager=manager))
        server = uvicorn.Server(
            uvicorn.Config(create_app(settings, directory / "data", open_=True), log_level="warning")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        yield House(directory / "data", manager, f"http://{address}")
        server.should_exit = True
        thread.join(timeout=30)


def until(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not so after {seconds} seconds"
        time.sleep(0.1)


def test_a_job_that_falls_silent_is_an_alert_until_it_is_back(house: House) -> None:
    house.wardlight("heartbeats", "add", "sync", "--every", "1s", "--grace", "1s", "--severity", "critical")
    house.ping("sync")
    assert house.alerts() == []
    until(house.alerts)
    (alert,) = house.alerts()
    assert alert["labels"] == {
        "alertname": "HeartbeatMissed",
        "heartbeat": "sync",
        "severity": "critical",
        "category": "outage",
    }
    assert alert["generatorURL"] == f"{house.url}/heartbeats"
    assert "down" in httpx.get(f"{house.url}/heartbeats", trust_env=False).text
    assert 'wardlight_heartbeat_up{slug="sync"} 0.0' in httpx.get(f"{house.url}/metrics", trust_env=False).text
    house.wardlight("heartbeats", "pause", "sync")
    until(lambda: not house.alerts())


def test_a_window_silences_an_alert_while_it_is_active(house: House) -> None:
    house.wardlight("heartbeats", "add", "backup", "--every", "24h")
    house.ping("backup/3")
    until(house.alerts)
    said = house.wardlight("maintenance", "announce", "new disks", "--for", "1h", "--match", "heartbeat=backup")
    assert "1: active" in said
    until(lambda: house.alerts()[0]["status"]["state"] == "suppressed")
    house.wardlight("maintenance", "end", "1")
    until(lambda: house.alerts()[0]["status"]["state"] == "active")
    house.ping("backup/0")
    until(lambda: not house.alerts())


def test_what_is_told_is_beside_the_logs(house: House) -> None:
    house.wardlight("deploy", "portal", "2.4.1", "--by", "ann", "--url", house.url)
    until(lambda: house.lines('{service_name="portal"} | event_name="deployment"'))
    assert house.lines('{service_name="portal"}') == ["portal 2.4.1 deployed to production by ann"]
    until(lambda: house.lines('{service_name="wardlight"} | event_name="maintenance"'))
    assert "42 results" in house.lines('{service_name="wardlight"} | event_name="heartbeat.output"')
    assert house.lines('{service_name="wardlight"} | event_name="heartbeat" | heartbeat="backup"')


def test_the_documented_commands_work(house: House) -> None:
    for line in re.findall(r"^wardlight (heartbeats add .*)$", PAGE, re.MULTILINE):
        house.wardlight(*[word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)])
    (ping,) = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    (crontab,) = re.findall(r"<!-- tested as a line of a crontab -->\n```cron\n(.*?)```", PAGE, re.DOTALL)
    job = " ".join(crontab.split()[5:]).replace("/usr/local/bin/backup", "sh -c 'sleep 0.2; exit 4'")
    for script, state in ((job, "down"), (ping, "up")):
        environment = {**os.environ, "WARDLIGHT_URL": house.url, "no_proxy": "127.0.0.1"}
        subprocess.run(["sh", "-c", script], check=True, env=environment, capture_output=True)
        shown = httpx.get(f"{house.url}/api/v1/heartbeats/nightly-backup", trust_env=False).json()
        assert shown["state"] == state
    assert [ping["exit_code"] for ping in shown["history"]] == [None, 4, None]
    assert shown["history"][1]["seconds"] > 0.1
