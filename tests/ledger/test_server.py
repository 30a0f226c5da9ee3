from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import HERE

from wardlight.clock import ManualClock
from wardlight.config import Ledger, Settings
from wardlight.problems import BadConfig
from wardlight.server import create_app


def test_a_server_makes_its_log_at_the_first_start_and_keeps_it(tmp_path: Path) -> None:
    settings = Settings(ledger=Ledger(origin="example.com/clinic"))
    keys = []
    for _ in range(2):
        with TestClient(create_app(settings, tmp_path / "data", ManualClock(), open_=True), base_url=HERE) as client:
            assert client.get("/ledger/checkpoint").text.startswith("example.com/clinic\n0\n")
            keys.append(client.get("/ledger/vkey").text)
    assert keys[0] == keys[1]


def test_a_server_runs_without_its_key_and_says_that_it_is_missing(tmp_path: Path) -> None:
    for _ in range(2):
        with TestClient(create_app(Settings(), tmp_path / "data", ManualClock(), open_=True), base_url=HERE) as client:
            answer = client.get("/ledger/checkpoint")
            (tmp_path / "data" / "ledger" / "key").unlink(missing_ok=True)
    assert answer.status_code == 503
    assert "key is missing" in answer.json()["error"]


def test_a_wrong_witness_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"ledger\.witnesses"):
        create_app(Settings(ledger=Ledger(witnesses=("nobody",))), tmp_path / "data", ManualClock())
