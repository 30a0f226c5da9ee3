"""Questions to Prometheus through us: a real one answers; neighbours that misbehave are told of."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from wardlight.api import metrics
from wardlight.api.metrics import MAX_ANSWER, MAX_QUERY, Prometheus
from wardlight.problems import BadInput, Problem, TimedOut, TooLarge, Unavailable

PROMETHEUS = shutil.which("prometheus")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes itself."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed")
    room = tmp_path_factory.mktemp("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (room / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        f"scrape_configs: [{{job_name: prometheus, static_configs: [{{targets: ['{address}']}}]}}]\n"
    )
    command = [PROMETHEUS, f"--config.file={room}/prometheus.yml", f"--storage.tsdb.path={room}/data"]
    with Path(room / "log").open("wb") as log:
        running = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        _until_it_has_scraped(f"http://{address}")
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait(10)


def _until_it_has_scraped(base: str) -> None:
    until = time.monotonic() + 20
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < until:
            try:
                if client.get(f"{base}/api/v1/query", params={"query": "up == 1"}).json()["data"]["result"]:
                    return
            except (httpx.HTTPError, ValueError, KeyError):
                pass
            time.sleep(0.1)
    pytest.fail("Prometheus does not start")


async def asked(base: str, path: str, *, seconds: float = 5, **parameters: str | list[str]) -> Response:
    neighbour = Prometheus(base, seconds)
    app = FastAPI()
    app.include_router(metrics.router(neighbour))
    named = {name.replace("match", "match[]"): value for name, value in parameters.items()}
    try:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://wardlight.test") as client:
            return await client.get(f"/api/v1/metrics/{path}", params=named)
    finally:
        await neighbour.aclose()


@pytest.mark.stack
async def test_a_question_about_one_moment_is_answered_in_prometheus_form(prometheus: str) -> None:
    told = (await asked(prometheus, "query", query="vector(7)", time="1767225600")).json()
    assert told["status"] == "success"
    assert told["data"]["result"] == [{"metric": {}, "value": [1767225600, "7"]}]


@pytest.mark.stack
async def test_a_question_about_a_range_is_answered(prometheus: str) -> None:
    told = (await asked(prometheus, "query_range", query="time()", start="60", end="180", step="60")).json()
    assert [value for _, value in told["data"]["result"][0]["values"]] == ["60", "120", "180"]


@pytest.mark.stack
async def test_labels_their_values_and_series_are_listed(prometheus: str) -> None:
    assert "job" in (await asked(prometheus, "labels")).json()["data"]
    assert (await asked(prometheus, "label/job/values", match=["up"])).json()["data"] == ["prometheus"]
    series = (await asked(prometheus, "series", match=["up", "prometheus_build_info"])).json()["data"]
    assert {one["__name__"] for one in series} == {"up", "prometheus_build_info"}


@pytest.mark.stack
async def test_what_prometheus_refuses_is_told_with_its_reason(prometheus: str) -> None:
    with pytest.raises(BadInput, match="parse error"):
        await asked(prometheus, "query", query="sum(")
    with pytest.raises(BadInput, match="exceeded maximum resolution"):
        await asked(prometheus, "query_range", query="1", start="0", end="100000", step="1")


@pytest.mark.stack
async def test_parameters_that_are_not_named_are_not_passed_on(prometheus: str) -> None:
    told = await asked(prometheus, "query", query="vector(1)", timeout="nonsense", stats="all")
    assert "stats" not in told.json()["data"]


async def test_nobody_there_is_503_and_says_so() -> None:
    with pytest.raises(Unavailable, match="Prometheus does not answer"):
        await asked(NOWHERE, "query", query="up")


async def test_a_question_without_a_query_is_refused() -> None:
    with pytest.raises(BadInput, match="query is missing"):
        await asked(NOWHERE, "query")


async def test_a_parameter_longer_than_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge, match="longer than"):
        await asked(NOWHERE, "query", query="x" * (MAX_QUERY + 1))


@pytest.mark.parametrize("name", ["a-b", "..%2Fquery", "1a", "a" * 201, "a%0a"])
async def test_a_label_that_can_not_be_is_refused(name: str) -> None:
    assert (await asked(NOWHERE, f"label/{name}/values")).status_code in (404, 422)


@pytest.mark.parametrize("path", ["status/config", "admin/tsdb/delete_series", "targets", "../-/quit"])
async def test_nothing_else_of_prometheus_can_be_reached(path: str) -> None:
    assert (await asked(NOWHERE, path)).status_code == 404


class Odd(BaseHTTPRequestHandler):
    """A neighbour that is no Prometheus, one that never answers, one that never ends."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if "odd" in self.path else 200)
        self.end_headers()
        try:
            if "slow" in self.path:
                time.sleep(2)
            for _ in range(MAX_ANSWER // 65536 + 8 if "large" in self.path else 1):
                self.wfile.write(b"<html>" + bytes(65536))
        except OSError:
            pass  # the asker has hung up

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Keep quiet."""


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("kind", "problem"), [("odd", Unavailable), ("slow", TimedOut), ("large", TooLarge)], ids=["odd", "slow", "large"]
)
async def test_a_neighbour_that_misbehaves_is_told_of(odd: str, kind: str, problem: type[Problem]) -> None:
    with pytest.raises(problem):
        await asked(f"{odd}/{kind}", "query", query="up", seconds=0.2 if kind == "slow" else 5)
