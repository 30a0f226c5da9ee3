"""`wardlight users` and `wardlight tokens` as people type them, with a server and without."""

from __future__ import annotations

import json
import re
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from click.testing import CliRunner, Result

from wardlight.access.access import Access
from wardlight.access.sessions import Visit
from wardlight.cli import main
from wardlight.clock import SystemClock
from wardlight.config import Settings, load
from wardlight.problems import BadInput, Conflict, NotFound, Unavailable
from wardlight.server import create_app
from wardlight.store.state import State

GOOD = "violet tractor seldom hums"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    State(tmp_path / "state.db").close()
    return tmp_path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with a server that people sign in to."""
    data = tmp_path_factory.mktemp("served")
    listener = socket.create_server(("127.0.0.1", 0))
    listen = f"127.0.0.1:{listener.getsockname()[1]}"
    (data / "wardlight.toml").write_text(f'[server]\nlisten = "{listen}"\n')
    server = uvicorn.Server(uvicorn.Config(create_app(load(data / "wardlight.toml"), data), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield data
    server.should_exit = True
    thread.join()


@pytest.fixture(params=["without a server", "with a server"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "with a server":
        return Path(request.getfixturevalue("served"))
    State(tmp_path / "state.db").close()
    return tmp_path


def run(data: Path, command: str) -> Result:
    return CliRunner().invoke(main, [*shlex.split(command), "--data", str(data)])


def output(data: Path, command: str) -> str:
    result = run(data, command)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def test_people_are_invited_listed_changed_and_shut_out(either: Path) -> None:
    said = output(either, "users add ann support --called 'Ann Archer'")
    assert re.match(r"http://127\.0\.0\.1:\d+/welcome/\w{43}\ngood once, until .* UTC: for ann and nobody else\n", said)
    rows = output(either, "users list").splitlines()
    assert rows[0].split("  ")[0] == "name"
    assert any(re.fullmatch(r"ann +Ann Archer +support +invited +no +never", row) for row in rows)
    assert output(either, "users roles ann privacy-officer auditor") == "ann is auditor, privacy-officer\n"
    assert output(either, "users disable ann") == "ann is disabled\n"
    assert output(either, "users enable ann") == "ann is invited\n"
    assert json.loads(output(either, "users list --json"))[0]["roles"] == ["auditor", "privacy-officer"]


def test_a_link_for_scripts(either: Path) -> None:
    first = json.loads(output(either, "users add ben developer --json"))
    second = json.loads(output(either, "users link ben --json"))
    third = json.loads(output(either, "users reset ben --json"))
    assert [sorted(it) for it in (first, second, third)] == [["expires", "link", "person"]] * 3
    assert len({it["link"] for it in (first, second, third)}) == 3


def test_tokens_are_made_listed_and_revoked(either: Path) -> None:
    made = run(either, "tokens create grafana query:support metrics --days 30")
    secret = made.stdout.strip()
    assert re.fullmatch(r"wl_[a-z2-9]{8}_[A-Za-z0-9]{43}", secret)
    key = secret.split("_")[1]
    assert made.stderr.startswith(f"token {key}, good until ")
    listed = output(either, "tokens list")
    assert re.search(rf"{key}  grafana +metrics, query:support +good +\d{{4}}-.* never +\w+", listed)
    assert secret not in listed
    assert output(either, f"tokens revoke {key}") == f"token {key} (grafana) is revoked\n"
    (shown,) = [it for it in json.loads(output(either, "tokens list --json")) if it["id"] == key]
    assert shown["state"] == "revoked"
    forever = json.loads(output(either, "tokens create beats ping --forever --json"))
    assert (forever["token"]["expires"], forever["token"]["scopes"]) == (None, ["ping"])


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("users add 'a b' support", BadInput.exit_code),
        ("users add eve root", 2),
        ("users add eve", 2),
        ("users roles nobody support", NotFound.exit_code),
        ("users disable nobody", NotFound.exit_code),
        ("users link ../tokens", NotFound.exit_code),
        ("tokens create x everything", BadInput.exit_code),
        ("tokens create x", 2),
        ("tokens create x send --days 0", 2),
        ("tokens revoke nothing", NotFound.exit_code),
    ],
)
def test_what_makes_no_sense_is_refused_either_way(either: Path, command: str, code: int) -> None:
    assert run(either, command).exit_code == code


def test_a_name_is_given_once(either: Path) -> None:
    output(either, "users add cat support")
    result = run(either, "users add CAT support")
    assert (result.exit_code, result.output) == (Conflict.exit_code, "wardlight: there is a person cat already\n")


@pytest.mark.parametrize("command", ["users list", "tokens list", "users add ann support", "tokens create x send"])
def test_a_directory_that_isnt_ours_is_left_alone(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, command).exit_code == Unavailable.exit_code
    assert list(tmp_path.iterdir()) == []


def test_a_token_made_by_the_command_line_works_at_once_and_ends_at_once(served: Path) -> None:
    url = load(served / "wardlight.toml").server.address
    secret = output(served, "tokens create prometheus metrics").strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{url}/metrics").status_code == 401
    assert httpx.get(f"{url}/metrics", headers=headers).status_code == 200
    assert httpx.get(f"{url}/api/v1/users", headers=headers).status_code == 403
    output(served, f"tokens revoke {secret.split('_')[1]}")
    assert httpx.get(f"{url}/metrics", headers=headers).status_code == 401


def test_answers_with_a_secret_are_not_kept_on_the_way(served: Path) -> None:
    key = json.loads((served / "server.json").read_text())["key"]
    url = load(served / "wardlight.toml").server.address
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        made = client.post("/api/v1/users", json={"name": "dora", "roles": ["support"], "by": "maria"})
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        token = client.post("/api/v1/tokens", json={"name": "x", "scopes": ["send"], "by": "maria"})
        assert (token.status_code, token.headers["cache-control"]) == (201, "no-store")
        assert token.json()["token"]["created_by"] == "maria"
        assert token.json()["secret"] not in client.get("/api/v1/tokens").text


def test_what_was_done_without_a_server_comes_into_the_trail_with_one(data: Path) -> None:
    output(data, "users add ann support")
    told: list[str] = []
    state = State(data / "state.db")
    Access(
        state, SystemClock(), Settings().access, lambda deed: told.append(f"{deed.action} {deed.about['person']}")
    ).pass_on()
    state.close()
    assert told == ["person.invited ann"]


def test_whoever_follows_the_link_signs_in(data: Path) -> None:
    link = json.loads(output(data, "users add ann support --json"))["link"]
    state = State(data / "state.db")
    access = Access(state, SystemClock(), Settings().access)
    access.signing.accept(link.rpartition("/")[2], GOOD, Visit("192.0.2.7"))
    assert access.signing.sign_in("ann", GOOD, Visit("192.0.2.7")).person == "ann"
    state.close()
    assert " active " in output(data, "users list")


QUESTIONS = ("logs 'sum(count_over_time({kind=~\".+\"}[1m]))'", "audit who 17", "deploy portal 7 --key a-run")


@pytest.mark.parametrize("command", QUESTIONS)
def test_the_owner_of_the_data_directory_asks_without_a_token(served: Path, command: str) -> None:
    output(served, command)


def test_elsewhere_a_token_says_who_asks(served: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "token").write_text(output(served, "tokens create reports query:auditor"))
    asked = f"audit who 17 --url {load(served / 'wardlight.toml').server.address}"
    assert run(elsewhere, f"{asked} --token @{tmp_path / 'token'}").exit_code == 0
    assert run(elsewhere, asked).exit_code == 77
    missing = run(elsewhere, f"{asked} --token @{tmp_path / 'none'}")
    assert (missing.exit_code, "can't be read" in missing.stderr) == (78, True)


def test_old_files_are_sent_by_a_token_that_may_send(served: Path, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text('{"time": "2026-01-01T00:00:00Z", "message": "hello"}\n')
    (tmp_path / "token").write_text(output(served, "tokens create archive send"))
    url = load(served / "wardlight.toml").server.address
    sent = (
        f"ingest {tmp_path / 'app.log'} --state {tmp_path / 'state'} --url {url} --token @{tmp_path / 'token'} --json"
    )
    assert json.loads(output(tmp_path, sent))["accepted"] == 1
