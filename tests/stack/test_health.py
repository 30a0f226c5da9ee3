from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from wardlight.stack import health
from wardlight.stack.state import PartState, Process, State

US = Process.of(os.getpid())
Serve = Callable[..., str]


@pytest.fixture
def prometheus() -> Iterator[Serve]:
    """Stand where Prometheus would: ready, with these targets, and these series at zero."""
    servers = []

    def serve(targets: list[dict[str, Any]], failed: list[dict[str, str]] | None = None) -> str:
        answers = {
            "/-/ready": {},
            "/api/v1/targets": {"data": {"activeTargets": targets}},
            "/api/v1/query": {"data": {"result": [{"metric": labels} for labels in failed or []]}},
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = answers.get(self.path.partition("?")[0])
                self.send_response(200 if answer is not None else 503)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def target(job: str, up: str = "up", error: str = "") -> dict[str, Any]:
    return {"labels": {"job": job, "instance": f"{job}:1"}, "health": up, "lastError": error}


def state(url: str, path: str = "/-/ready", process: Process | None = US) -> State:
    part = PartState(name="prometheus", address="", ready=f"{url}{path}", state="ready", process=process, restarts=0)
    return State(supervisor=US, ready=True, prometheus=url, parts=(part,))


async def test_all_is_healthy_when_all_answers_and_is_seen(prometheus: Serve) -> None:
    report = await health.check(state(prometheus([target("node")])), "/data")
    assert report.healthy
    assert [(part.name, part.pid) for part in report.parts] == [("prometheus", os.getpid())]
    assert [(seen.job, seen.instance) for seen in report.targets] == [("node", "node:1")]


async def test_nothing_running_is_not_healthy() -> None:
    report = await health.check(None, "/data")
    assert (report.healthy, report.supervisor) == (False, None)


async def test_a_part_that_answers_503_is_not_healthy(prometheus: Serve) -> None:
    report = await health.check(state(prometheus([target("node")]), "/elsewhere"), "/data")
    assert not report.healthy
    assert report.parts[0].detail.endswith("answers 503")


async def test_a_part_whose_process_is_gone_is_not_healthy(prometheus: Serve) -> None:
    gone = Process(US.pid, US.created - 1)
    report = await health.check(state(prometheus([target("node")]), process=gone), "/data")
    assert report.parts[0].detail == "no process"


@pytest.mark.parametrize(
    ("seen", "failed", "detail"),
    [
        (target("node", "down", "connection refused"), [], "connection refused"),
        (target("node", "unknown"), [], "not asked yet"),
        (target("canary"), [{"job": "canary", "instance": "canary:1"}], "its exporter can't reach it"),
    ],
)
async def test_a_target_that_is_not_well_is_told(
    prometheus: Serve, seen: dict[str, Any], failed: list[dict[str, str]], detail: str
) -> None:
    report = await health.check(state(prometheus([seen], failed)), "/data")
    assert not report.healthy
    assert report.targets[0].detail == detail


async def test_a_prometheus_that_is_away_is_told_and_nothing_breaks() -> None:
    report = await health.check(state("http://127.0.0.1:9"), "/data")
    assert not report.healthy
    assert report.targets == ()
