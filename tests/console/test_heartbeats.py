"""The table of heartbeats."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from wardlight.clock import ManualClock
from wardlight.console import heartbeats_router
from wardlight.heartbeats import Definition, Heartbeats
from wardlight.store.state import State


def test_it_shows_what_is_down_first_and_nothing_acts(tmp_path: Path) -> None:
    clock, state = ManualClock(), State(tmp_path / "state.db")
    kept = Heartbeats(state, clock)
    kept.add("aaa", Definition(every="1h"))
    kept.add("zzz", Definition(every="1h", name="<script>alert(1)</script>\u202e"))
    kept.ping("zzz", "fail", exit_code=3)
    app = FastAPI()
    app.include_router(heartbeats_router(kept, clock))
    answer = TestClient(app).get("/heartbeats")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.text.index("zzz") < answer.text.index("aaa")
    assert "exit code 3" in answer.text
    assert "<script>" not in answer.text
    assert "\u202e" not in answer.text
    state.close()


def test_without_any_it_says_how_to_add_one(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    app = FastAPI()
    app.include_router(heartbeats_router(Heartbeats(state, ManualClock()), ManualClock()))
    assert "wardlight heartbeats add" in TestClient(app).get("/heartbeats").text
    state.close()
