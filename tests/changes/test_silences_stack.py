"""Windows become silences of a real Alertmanager, whatever fails on the way."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry
from tests.changes.conftest import Logged, announce

from wardlight.alertmanager import Silences
from wardlight.changes import Keeper, Windows
from wardlight.changes.grafana import Grafana
from wardlight.clock import ManualClock, SystemClock
from wardlight.store.state import State

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

pytestmark = [pytest.mark.stack, pytest.mark.skipif(PROGRAM is None, reason="alertmanager is not installed")]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Alertmanager that tells nobody."""
    directory = tmp_path_factory.mktemp("alertmanager")
    config = {"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(PROGRAM), f"--config.file={directory}/alertmanager.yml", f"--storage.path={directory}/data"]
    command += [f"--web.listen-address={address}", f"--web.external-url=http://{address}", "--cluster.listen-address="]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        for _ in range(100):
            try:
                httpx.get(f"http://{address}/-/ready", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield f"http://{address}"
        running.terminate()
        running.wait(10)


class Line(httpx.HTTPTransport):
    """A line to Alertmanager on which one call fails: before it gets there, or after it worked."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: tuple[str, str] | None = None
        """Method, and `before` or `after`."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        method, when = self.fails or ("", "")
        if method == request.method:
            self.fails = None
            if when == "before":
                raise httpx.ConnectError("cut")
            answer = super().handle_request(request)
            answer.read()
            answer.close()
            raise httpx.ReadTimeout("cut")
        return super().handle_request(request)


class House:
    """What a server does, with a clock that is moved from the real time on: Alertmanager has no other."""

    grafana: Grafana | None = None

    def __init__(self, data: Path, alertmanager: str, logged: Logged) -> None:
        self.alertmanager = alertmanager
        self.clock = ManualClock(SystemClock().now_ns())
        self.state = State(data / "state.db")
        self.windows = Windows(self.state, self.clock)
        self.logged = logged
        self.start()

    def start(self) -> None:
        self.registry = CollectorRegistry()
        self.silencer = Silences(self.alertmanager)
        self.silencer.close()
        self.line = Line()
        self.silencer._client = httpx.Client(transport=self.line)
        self.keeper = Keeper(
            self.windows, self.silencer, self.grafana, self.clock, registry=self.registry,
            log=lambda *event: self.logged.append(event),
        )  # fmt: skip

    def stop(self) -> None:
        self.silencer.close()
        self.state.close()

    def restart(self) -> None:
        self.silencer.close()
        self.start()

    def silences(self, mark: str) -> list[dict[str, Any]]:
        """List a window's silences that are in force."""
        known = httpx.get(f"{self.alertmanager}/api/v2/silences", trust_env=False).json()
        return [one for one in known if mark in one["comment"] and one["status"]["state"] == "active"]

    def failures(self) -> float | None:
        return self.registry.get_sample_value("wardlight_maintenance_failures_total", {"part": "alertmanager"})


@pytest.fixture
def house(tmp_path: Path, alertmanager: str, logged: Logged) -> Iterator[House]:
    house = House(tmp_path, alertmanager, logged)
    yield house
    house.stop()


def test_an_active_window_is_a_silence(house: House) -> None:
    window = announce(house.windows, 0, 2, "service=billing", 'job=~"api|web"')
    house.keeper.look()
    (silence,) = house.silences(window.mark)
    assert house.windows.get(window.id).silence == silence["id"]
    assert {(it["name"], it["value"], it["isRegex"], it["isEqual"]) for it in silence["matchers"]} == {
        ("service", "billing", False, True),
        ("job", "api|web", True, True),
        ("alertname", "Watchdog", False, False),
    }
    assert abs(datetime.fromisoformat(silence["endsAt"]) - window.ends) < timedelta(seconds=1)
    assert (silence["createdBy"], silence["comment"]) == (
        "ann",
        f"Maintenance 1: database upgrade [wardlight:{window.mark}]",
    )


def test_an_announced_one_is_none_until_it_begins(house: House) -> None:
    window = announce(house.windows, 1)
    house.keeper.look()
    assert house.silences(window.mark) == []
    house.windows.step(window.id, "begin", "ann")
    house.keeper.look()
    assert len(house.silences(window.mark)) == 1


def test_one_that_is_ended_early_is_heard_again(house: House) -> None:
    window = announce(house.windows, 0)
    house.keeper.look()
    house.windows.step(window.id, "end", "bob")
    house.keeper.look()
    assert house.silences(window.mark) == []
    assert house.windows.get(window.id).settled


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("restart", [False, True])
def test_a_call_that_fails_leads_to_exactly_one_silence(house: House, method: str, when: str, restart: bool) -> None:
    window = announce(house.windows, 0)
    house.line.fails = (method, when)
    house.keeper.look()
    assert house.windows.get(window.id).problem.startswith("not silenced: Alertmanager doesn't answer")
    assert house.failures() == 1
    if restart:
        house.restart()
    house.clock.advance(1)
    for _ in range(3):
        house.keeper.look()
        house.clock.advance(31)
    assert len(house.silences(window.mark)) == 1
    assert house.windows.get(window.id).problem == ""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_call_that_fails_at_the_end_leaves_none(house: House, method: str, when: str) -> None:
    window = announce(house.windows, 0)
    house.keeper.look()
    house.windows.step(window.id, "end", "bob")
    house.line.fails = (method, when)
    house.keeper.look()
    assert house.windows.get(window.id).problem.startswith("still silenced: ")
    house.clock.advance(1)
    house.keeper.look()
    assert house.silences(window.mark) == []
    assert (house.windows.get(window.id).settled, house.windows.get(window.id).problem) == (True, "")


def test_killed_before_it_was_written_down_it_is_found_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    window = announce(house.windows, 0)
    with monkeypatch.context() as dying:
        dying.setattr(house.windows, "told", lambda _window: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            house.keeper.look()
    house.restart()
    house.keeper.look()
    (silence,) = house.silences(window.mark)
    assert house.windows.get(window.id).silence == silence["id"]


def test_what_is_there_twice_is_ended_once(house: House) -> None:
    window = announce(house.windows, 0)
    house.keeper.look()
    (silence,) = house.silences(window.mark)
    again = {name: silence[name] for name in ("matchers", "startsAt", "endsAt", "createdBy", "comment")}
    httpx.post(f"{house.alertmanager}/api/v2/silences", json=again, trust_env=False).raise_for_status()
    house.clock.advance(31)
    house.keeper.look()
    assert len(house.silences(window.mark)) == 1


def test_one_that_somebody_ended_is_not_made_again_but_told(house: House) -> None:
    window = announce(house.windows, 0)
    house.keeper.look()
    (silence,) = house.silences(window.mark)
    httpx.delete(f"{house.alertmanager}/api/v2/silence/{silence['id']}", trust_env=False).raise_for_status()
    house.clock.advance(31)
    house.keeper.look()
    assert house.silences(window.mark) == []
    assert house.windows.get(window.id).problem == "not silenced: somebody has ended its silence in Alertmanager"


def test_what_happens_is_counted_and_logged_once(house: House) -> None:
    window = announce(house.windows, 0)
    for _ in range(3):
        house.keeper.look()
    house.windows.step(window.id, "end", "bob")
    house.keeper.look()
    value = house.registry.get_sample_value
    assert [value("wardlight_maintenance_changes_total", {"state": it}) for it in ("announced", "active", "ended")] == [
        1,
        1,
        1,
    ]
    assert value("wardlight_maintenance_windows", {"state": "active"}) == 0
    assert [(name, more["maintenance.state"], more["maintenance.by"]) for name, _, more in house.logged] == [
        ("maintenance", "announced", "ann"),
        ("maintenance", "active", "ann"),
        ("maintenance", "ended", "bob"),
    ]


def test_alertmanager_away_is_no_end_of_the_world(tmp_path: Path, logged: Logged) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    house = House(tmp_path, url, logged)
    window = announce(house.windows, 0)
    for _ in range(4):
        house.keeper.look()
        house.clock.advance(1)
    assert house.windows.get(window.id).problem == "not silenced: Alertmanager doesn't answer: ConnectError"
    assert house.failures() == 3  # at 0, 1 and 3 seconds
    assert window.starts.tzinfo == UTC
    house.stop()


def test_grafana_away_is_told_and_the_window_is_silenced_all_the_same(house: House) -> None:
    house.grafana = Grafana("http://127.0.0.1:9")  # the discard port: nobody answers
    house.restart()
    window = announce(house.windows, 0)
    house.keeper.look()
    assert len(house.silences(window.mark)) == 1
    assert house.windows.get(window.id).problem == "not annotated: Grafana doesn't answer: ConnectError"
    house.grafana.close()
