"""`wardlight incidents` and `wardlight alerts` against a running server and a stand-in for Alertmanager."""

from __future__ import annotations

import getpass
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from click.testing import CliRunner, Result
from tests.incidents.manager import Manager, listening
from tests.incidents.said import alert, firing

from wardlight.cli import main
from wardlight.clock import SystemClock
from wardlight.config import load
from wardlight.incidents import Incidents
from wardlight.server import create_app
from wardlight.store.state import State

ME = getpass.getuser()


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    with listening() as manager:
        yield manager


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, manager: Manager) -> Iterator[Path]:
    """A running server's data directory, which the tests share: each opens incidents of its own."""
    data = tmp_path_factory.mktemp("cli") / "data"
    data.mkdir()
    listener = socket.create_server(("127.0.0.1", 0))
    listen = f'[server]\nlisten = "127.0.0.1:{listener.getsockname()[1]}"\n'
    (data / "wardlight.toml").write_text(f'{listen}[stack]\nalertmanager = "{manager.url}"\n')
    app = create_app(load(data / "wardlight.toml"), data, open_=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield data
    server.should_exit = True
    thread.join(timeout=30)


@pytest.fixture
def number(data: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new incident, by its number."""
    state = State(data / "state.db")
    incidents = Incidents(state, SystemClock())
    started = datetime.now(UTC)
    incidents.receive(firing(alert(started=started, alertname="Down\x1b[31m"), group=request.node.name))
    yield str(incidents.listed("all", limit=1)[0].id)
    state.close()


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data", str(data)])


def test_from_the_alert_to_its_documented_end(data: Path, number: str) -> None:
    for arguments, said in (
        (("ack", number, "-m", "looking"), f"acknowledged by {ME}"),
        (("note", number, "the disk is full"), f"acknowledged by {ME}"),
        (("resolve", number), "resolved"),
        (("document", number, "--cause", "capacity", "--done", "Cleaned up.", "--follow-up", "none"), "documented"),
    ):
        result = run(data, "incidents", *arguments)
        assert (result.exit_code, result.output.startswith(f"incident {number} is {said}: Down")) == (0, True)
    shown = run(data, "incidents", "show", number).output
    for said in ("cause: capacity", "done: Cleaned up.", "follow-up: none", f"acknowledged by {ME} (cli): looking"):
        assert said in shown


def test_alone_it_lists_what_is_pending(data: Path, number: str) -> None:
    line = next(line for line in run(data, "incidents").output.splitlines() if line.split()[0] == number)
    assert "critical" in line
    assert "open" in line
    assert "\x1b" not in line.replace("\x1b[31mcritical", "").replace("\x1b[0m", "")


def test_programs_get_json(data: Path, number: str) -> None:
    listed = json.loads(run(data, "incidents", "--state", "all", "--json").output)
    assert int(number) in [it["id"] for it in listed["incidents"]]
    assert json.loads(run(data, "incidents", "show", number, "--json").output)["state"] == "open"
    assert isinstance(json.loads(run(data, "incidents", "history", "--json").output), list)


def test_who_was_first_is_told_and_exits_with_75(data: Path, number: str) -> None:
    state = State(data / "state.db")
    Incidents(state, SystemClock()).acknowledge(int(number), "jonas", "console")
    state.close()
    result = run(data, "incidents", "ack", number)
    assert (result.exit_code, f"incident {number} was acknowledged by jonas" in result.output) == (75, True)
    assert "is open" in run(data, "incidents", "release", number, "-m", "he left").output


def test_it_merges(data: Path, number: str) -> None:
    state = State(data / "state.db")
    Incidents(state, SystemClock()).receive(firing(alert("b", started=datetime.now(UTC)), group="another"))
    state.close()
    other = str(int(number) + 1)
    assert f"incident {other} is open" in run(data, "incidents", "merge", number, "--into", other).output
    assert f"merged into {other}" in run(data, "incidents", "list", "--state", "merged").output


def test_it_silences_for_a_while(data: Path, number: str, manager: Manager) -> None:
    result = run(data, "incidents", "silence", number, "--for", "2h", "-m", "disk change")
    assert (result.exit_code, f"incident {number} is silenced until" in result.output) == (0, True)
    assert (manager.silences[-1]["createdBy"], manager.silences[-1]["comment"]) == (
        ME, f"Incident {number}: disk change",
    )  # fmt: skip


@pytest.mark.parametrize("span", ["", "2", "h", "-2h", "2w", "2h "])
def test_a_duration_that_is_none_is_refused(data: Path, number: str, span: str) -> None:
    result = run(data, "incidents", "silence", number, "--for", span, "-m", "x")
    assert (result.exit_code, "is no duration" in result.output) == (65, True)


def test_an_unknown_incident_exits_with_66(data: Path) -> None:
    result = run(data, "incidents", "show", "999999")
    assert (result.exit_code, result.output) == (66, "wardlight: there is no incident 999999\n")


def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    result = run(tmp_path, "incidents")
    assert (result.exit_code, "start it with `wardlight up`" in result.output) == (69, True)


def test_a_test_alert_that_never_arrives_is_told_and_ended(data: Path, manager: Manager) -> None:
    result = run(data, "alerts", "test", "Trial", "--wait", "1")
    assert result.exit_code == 75
    assert "sent to Alertmanager at" in result.output
    assert "it became no incident" in result.output
    assert manager.asked.count("POST /api/v2/alerts") == 2


def test_a_test_alert_says_when_alertmanager_does_not_take_it(data: Path, manager: Manager) -> None:
    manager.status = 500
    result = run(data, "alerts", "test", "Trial")
    manager.status = 200
    assert (result.exit_code, "doesn't take alerts" in result.output) == (69, True)
