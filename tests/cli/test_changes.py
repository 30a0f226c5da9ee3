"""`wardlight heartbeats`, `maintenance` and `deploy` as people type them."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wardlight.cli import main
from wardlight.problems import BadConfig, BadInput, Conflict, NotFound, Unavailable
from wardlight.store.state import State


@pytest.fixture
def data(tmp_path: Path) -> Path:
    State(tmp_path / "state.db").close()
    return tmp_path


def run(data: Path | None, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, *(["--data", str(data)] if data else [])])


def test_heartbeats_are_added_listed_paused_resumed_and_removed(data: Path) -> None:
    assert run(data, "heartbeats").output == "no heartbeats\n"
    added = run(data, "heartbeats", "add", "nightly", "--cron", "0 3 * * *", "--zone", "Europe/Zurich")
    assert added.output.startswith("nightly: 0 3 * * * Europe/Zurich, grace 1h; first due at ")
    assert run(data, "heartbeats", "pause", "nightly").output == "nightly is paused\n"
    (one,) = json.loads(run(data, "heartbeats", "--json").output)
    assert (one["slug"], one["state"]) == ("nightly", "paused")
    assert run(data, "heartbeats", "resume", "nightly").output.startswith("nightly is watched again; due at ")
    assert "nightly    new    0 3 * * * Europe/Zurich  1h     –" in run(data, "heartbeats").output
    assert run(data, "heartbeats", "remove", "nightly").exit_code == 0
    assert run(data, "heartbeats", "remove", "nightly").exit_code == NotFound.exit_code


def test_a_bad_heartbeat_is_refused(data: Path) -> None:
    result = run(data, "heartbeats", "add", "nightly", "--every", "soon")
    assert (result.exit_code, result.output) == (
        BadInput.exit_code,
        "wardlight: every: 'soon' is not a duration like 90s, 15m, 24h or 7d\n",
    )


def test_a_file_of_heartbeats_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "heartbeats.toml"
    file.write_text("[nightly]\nevery = '24h'\n")
    assert run(None, "check", "heartbeats", str(file)).output == f"{file}: 1 heartbeats, all well\n"
    file.write_text("[nightly]\nevery = '24 hours'\n")
    result = run(None, "check", "heartbeats", str(file))
    assert result.exit_code == BadConfig.exit_code
    assert f"{file}:2: nightly: every:" in result.output


def test_a_window_is_announced_begun_and_ended(data: Path) -> None:
    window = ("--from", "2126-03-01T02:00+01:00", "--until", "2126-03-01T04:00+01:00", "--match", "service=billing")
    assert run(data, "maintenance", "announce", "upgrade", *window).exit_code == BadInput.exit_code
    said = run(data, "maintenance", "announce", "upgrade", "--for", "2h", "--match", "job!=x", "--match", "service=a")
    assert ': upgrade [job!="x", service="a"]' in said.output
    assert said.output.startswith("1: active, ")
    assert "1: active" in run(data, "maintenance", "list").output
    assert run(data, "maintenance", "cancel", "1").exit_code == Conflict.exit_code
    assert run(data, "maintenance", "end", "1").output.startswith("1: ended, ")
    assert run(data, "maintenance", "list").output == "no maintenance\n"
    (one,) = json.loads(run(data, "maintenance", "list", "--all", "--json").output)
    assert (one["state"], one["what"]) == ("ended", "upgrade")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "a window needs one of --until and --for"),
        (("--for", "2h", "--until", "2126-03-01T02:00Z"), "a window needs one of"),
        (("--for", "long"), "--for: 'long' is not a duration"),
        (("--until", "tomorrow"), "--until: 'tomorrow' is not a time"),
        (("--until", "2126-03-01T02:00"), "until: a time needs its zone"),
        (("--for", "99999999999999y"), "--for"),
    ],
)
def test_a_bad_window_is_refused(data: Path, options: tuple[str, ...], reason: str) -> None:
    result = run(data, "maintenance", "announce", "upgrade", "--match", "a=b", *options)
    assert result.exit_code == BadInput.exit_code, result.output
    assert reason in result.output


def test_a_deployment_needs_a_server() -> None:
    result = run(None, "deploy", "portal", "1", "--url", "http://127.0.0.1:9")
    assert result.exit_code == Unavailable.exit_code
    assert "no server answers at http://127.0.0.1:9" in result.output


def test_the_documented_commands_of_maintenance_work(data: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    soon = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="minutes")
    lines = re.findall(r"^wardlight (maintenance .*)$", page.replace("2027-03-01T02:00+01:00", soon), re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        result = run(data, *shlex.split(line, comments=True))
        assert result.exit_code == 0, result.output
