"""The server keeps its store: retention, a full disk, statistics, backups for the owner."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.conftest import NOW
from tests.server.conftest import Start

from wardlight.clock import ManualClock
from wardlight.config import Retention, Settings, Store
from wardlight.problems import BadConfig
from wardlight.server import create_app
from wardlight.store import owner

DAY = 86_400_000_000_000
FULL = Settings(store=Store(disk_reserve_bytes=2**62))


def push(server: TestClient, line: str, at: int = NOW, kind: str = "application") -> int:
    stream = {"stream": {"app": "test", "wardlight_kind": kind}, "values": [[str(at), line]]}
    return server.post("/loki/api/v1/push", json={"streams": [stream]}).status_code


def metric(server: TestClient, name: str) -> float:
    lines = server.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), -1.0)


def wait_for(server: TestClient, name: str, value: float) -> None:
    deadline = time.monotonic() + 20
    while metric(server, name) != value:
        assert time.monotonic() < deadline, f"{name} is {metric(server, name)}"
        time.sleep(0.05)


def key(data: Path) -> dict[str, str]:
    running = owner.find(data)
    assert running is not None
    return {"Authorization": f"Bearer {running.key}"}


def test_retention_runs_at_the_start(start: Start, clock: ManualClock) -> None:
    server = start(Settings(retention=Retention(application_days=400)))
    assert push(server, "old", NOW - 100 * DAY) == 204
    assert push(server, "new") == 204
    server = start(Settings(retention=Retention(application_days=30)))
    wait_for(server, 'wardlight_retention_removed_partitions_total{kind="application",reason="expired"}', 1)
    wait_for(server, 'wardlight_store_records{kind="application"}', 1)


def test_a_full_disk_is_told_to_senders_with_the_reason(start: Start) -> None:
    server = start(FULL)
    wait_for(server, "wardlight_store_disk_full", 1)
    for answer in (
        server.post("/loki/api/v1/push", json={"streams": []}),
        server.post("/v1/logs", content=b"", headers={"Content-Type": "application/x-protobuf"}),
    ):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "30"
        assert "store.disk_reserve_bytes" in answer.text


def test_a_full_disk_stops_nobody_from_reading(start: Start) -> None:
    assert push(start(Settings()), "kept") == 204
    server = start(FULL)
    wait_for(server, "wardlight_store_disk_full", 1)
    assert server.get("/api/v1/store/stats").json()["kinds"][0]["records"] == 1


def test_statistics_tell_kinds_and_the_disk(server: TestClient) -> None:
    push(server, "a line")
    push(server, "an audit", kind="audit")
    stats = server.get("/api/v1/store/stats").json()
    kinds = {kind["kind"]: kind for kind in stats["kinds"]}
    assert set(kinds) == {"application", "security", "error", "audit"}
    assert (kinds["audit"]["records"], kinds["audit"]["partitions"], kinds["audit"]["parts"]) == (1, 1, 1)
    assert kinds["audit"]["oldest"] == kinds["audit"]["newest"] == "2026-01-01T00:00:00Z"
    assert kinds["audit"]["bytes"] > 0 < kinds["audit"]["raw_bytes"]
    assert kinds["error"] == {
        "kind": "error", "records": 0, "bytes": 0, "raw_bytes": 0, "ratio": None, "partitions": 0, "parts": 0,
        "oldest": None, "newest": None, "columns": [],
    }  # fmt: skip
    assert stats["disk_free_bytes"] > 0
    assert stats["disk_days_left"] is None


def test_the_owner_makes_a_backup(server: TestClient, tmp_path: Path) -> None:
    push(server, "a line")
    order = {"destination": str(tmp_path / "backups")}
    made = server.post("/api/v1/store/backups", json=order, headers=key(tmp_path / "data"))
    assert made.json().items() >= {"id": "20260101T000000Z", "base": None, "records": 1, "partitions": 1}.items()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer guess"}])
def test_nobody_else_does(server: TestClient, tmp_path: Path, headers: dict[str, str]) -> None:
    order = {"destination": str(tmp_path / "backups")}
    assert server.post("/api/v1/store/backups", json=order, headers=headers).status_code == 403
    assert not (tmp_path / "backups").exists()


def test_the_key_is_the_owners_alone_and_of_one_run(start: Start, tmp_path: Path) -> None:
    start(Settings())
    first = key(tmp_path / "data")
    assert (tmp_path / "data" / owner.NAME).stat().st_mode & 0o777 == 0o600
    start(Settings())
    assert key(tmp_path / "data") != first


def test_nothing_is_announced_after_the_end(tmp_path: Path, clock: ManualClock) -> None:
    with TestClient(create_app(Settings(), tmp_path / "data", clock, open_=True)):
        assert owner.find(tmp_path / "data") is not None
    assert owner.find(tmp_path / "data") is None


def test_half_a_restore_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "restore-unfinished").touch()
    with pytest.raises(BadConfig, match="half of a restored backup"):
        create_app(Settings(), tmp_path)
