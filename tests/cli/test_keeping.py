"""`wardlight store` and `wardlight backup` without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import batch

from wardlight.cli import main
from wardlight.cli.owner import ask
from wardlight.config import Settings
from wardlight.problems import BadInput, Unavailable
from wardlight.store import owner
from wardlight.store.facts import CLOCK, DRILL, Facts
from wardlight.store.offline import opened
from wardlight.store.state import State


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    State(path / "state.db").close()
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def fact(data: Path, name: str) -> object:
    state = State(data / "state.db")
    found = Facts(state).get(name)
    state.close()
    return found and found.value


def test_backup_list_drill_and_restore(data: Path, tmp_path: Path) -> None:
    with opened(data, Settings()) as offline:
        offline.engine.insert([batch("a", "b")])
    dest, restored = tmp_path / "backups", tmp_path / "restored"
    assert "full, 2 records in 1 partitions, 1 files" in run("backup", "create", dest, "--data", data).output
    (one,) = json.loads(run("backup", "list", dest, "--json").output)
    assert (one["base"], one["records"], one["problem"]) == (None, 2, None)
    drill = run("backup", "drill", dest, "--data", data)
    assert drill.exit_code == 0
    assert f"the drill of {one['id']} is good: 2 records" in drill.output
    assert fact(data, DRILL) == {"destination": str(dest), "good": True}
    assert "2 records in 1 partitions and 1 files" in run("backup", "restore", dest, "--data", restored).output
    assert json.loads(run("store", "stats", "--json", "--data", restored).output)["kinds"][0]["records"] == 2


def test_a_drill_that_fails_says_so_and_is_remembered(data: Path, tmp_path: Path) -> None:
    (tmp_path / "backups" / "20260101T000000Z").mkdir(parents=True)
    result = run("backup", "drill", tmp_path / "backups", "--data", data)
    assert result.exit_code == BadInput.exit_code
    assert "the drill failed: there is no whole backup" in result.output
    assert fact(data, DRILL) == {"destination": str(tmp_path / "backups"), "good": False}


def test_half_a_backup_is_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000Z").mkdir()
    assert "is unfinished: it has no manifest" in run("backup", "list", tmp_path).output


def test_statistics_are_tables(data: Path) -> None:
    with opened(data, Settings()) as offline:
        offline.engine.insert([batch("a")])
    said = run("store", "stats", "--data", data).output
    assert "application  1 " in said
    assert "audit trail, to be asked: 0 events in 0 months" in said
    assert "lasts for more than a year" in said


@pytest.mark.parametrize("who", [(), ("--patient", "1", "--user", "2"), ("--patient", "1", "--everything")])
def test_a_hold_is_on_one_thing(data: Path, who: tuple[str, ...]) -> None:
    result = run("store", "hold", "add", *who, "--reason", "why", "--data", data)
    assert result.exit_code == BadInput.exit_code


def test_holds_are_listed_and_released(data: Path) -> None:
    assert run("store", "hold", "list", "--data", data).output == "no holds\n"
    run("store", "hold", "add", "--user", "ann", "--reason", "case 7", "--by", "bob", "--data", data)
    assert "1: user ann, placed" in run("store", "hold", "list", "--data", data).output
    assert "by bob: case 7" in run("store", "hold", "list", "--data", data).output
    run("store", "hold", "release", "1", "--reason", "closed", "--by", "bob", "--data", data)
    assert run("store", "hold", "list", "--data", data).output == "no holds\n"
    assert "by bob: closed" in run("store", "hold", "list", "--all", "--data", data).output


def test_the_clock_is_confirmed(data: Path) -> None:
    assert "retention goes by" in run("store", "confirm-clock", "--data", data).output
    state = State(data / "state.db")
    assert Facts(state).get(CLOCK) is not None
    state.close()


def test_a_directory_that_isnt_wardlights_is_not_made_one(tmp_path: Path) -> None:
    result = run("store", "hold", "list", "--data", tmp_path / "typo")
    assert result.exit_code == Unavailable.exit_code
    assert "is it Wardlight's data directory" in result.output
    assert not (tmp_path / "typo").exists()


def test_a_server_that_was_killed_is_not_waited_for(data: Path) -> None:
    with owner.announced(data, owner.Running.at("127.0.0.1:1")):
        assert ask(data, "GET", "/api/v1/store/stats") is None
