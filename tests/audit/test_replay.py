"""`wardlight ledger replay`: the tables are made anew, by the server that runs or without one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from click.testing import CliRunner, Result
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from tests.audit.conftest import Begin
from tests.audit.projecting import append, entry, in_audit, in_logs
from tests.gate import gated

from wardlight.api import projection as api
from wardlight.audit.projection import Projection
from wardlight.cli import main
from wardlight.clock import SystemClock
from wardlight.config import Settings
from wardlight.ledger import Ledger
from wardlight.problems import Denied, Problem
from wardlight.store import owner
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.offline import opened
from wardlight.store.owner import Running


def replay(data: Path) -> Result:
    return CliRunner().invoke(main, ["ledger", "replay", "--data", str(data)])


def test_without_a_server_it_opens_everything_itself(tmp_path: Path) -> None:
    data = tmp_path / "data"
    ledger = Ledger(data / "ledger" / "log", "", SystemClock())
    append(ledger, map(entry, range(300)))
    ledger.close()
    for _ in range(2):
        result = replay(data)
        assert result.exit_code == 0, result.output
        assert "300 entries are projected" in result.output
    with opened(data, Settings()) as offline:
        assert in_audit(offline.engine) == in_logs(offline.engine) == list(range(300))


def app(projection: Projection, key: str = "key") -> FastAPI:
    made = gated(FastAPI(), key)
    made.include_router(api.router(projection))
    made.add_exception_handler(Problem, lambda _request, problem: JSONResponse({}, problem.status))
    return made


@contextmanager
def serving(projection: Projection, data: Path) -> Iterator[None]:
    """Run the routes on a port, as the server announces them."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        running = Running.at(f"127.0.0.1:{door.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(app(projection, running.key), log_level="warning"))
        thread = threading.Thread(target=server.run, args=([door],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        data.mkdir()
        with owner.announced(data, running):
            yield
        server.should_exit = True
        thread.join()


def test_a_server_that_runs_does_it(ledger: Ledger, trail: EmbeddedStore, begin: Begin, tmp_path: Path) -> None:
    append(ledger, map(entry, range(300)))
    projection = begin()
    assert projection.settle()
    trail.manage("ALTER TABLE audit DELETE WHERE idx < 100 SETTINGS mutations_sync = 2")
    with serving(projection, tmp_path / "data"):
        result = replay(tmp_path / "data")
    assert result.exit_code == 0, result.output
    assert "300 entries are projected" in result.output
    assert in_audit(trail) == in_logs(trail) == list(range(300))


def test_it_says_how_far_it_is(ledger: Ledger, begin: Begin) -> None:
    append(ledger, map(entry, range(3)))
    projection = begin()
    assert projection.settle()
    client = TestClient(app(projection))
    assert client.get("/api/v1/audit/projection").json() == {"done": 3, "size": 3, "problem": ""}


def test_only_the_owner_may_replay(begin: Begin) -> None:
    client = TestClient(app(begin(), "right"), headers={"Authorization": "Bearer wrong"})
    assert client.post("/api/v1/audit/projection/replay").status_code == Denied.status
