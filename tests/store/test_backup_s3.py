"""Backups to S3-compatible storage: a real S3 server over HTTP (moto), asked by the engine and by Arrow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs
from tests.conftest import NOW, batch

from wardlight.config import Settings
from wardlight.problems import BadInput, Unavailable
from wardlight.store.backup import listed, newest
from wardlight.store.manifest import Manifest
from wardlight.store.offline import opened
from wardlight.store.places import Place, place
from wardlight.store.restore import drill, restore

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run the server in an environment of its own; skips where that can't be had."""
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("uv isn't installed")
    moto = [uv, "run", "--isolated", "--no-project", "--with-requirements", ROOT / "requirements/s3.txt", "--"]
    got = subprocess.run([*moto, "python", "-c", "import moto"], capture_output=True, text=True, check=False)
    if got.returncode:
        pytest.skip(f"moto can't be had: {got.stderr.strip()[-200:]}")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    process = subprocess.Popen(
        [*moto, "python", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def target(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """A prefix of a bucket of its own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "sync", lambda: None)
    bucket = tmp_path.name.replace("_", "-")
    fs.S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True).create_dir(bucket)
    return place(f"s3://{bucket}/clinic/wardlight")


def made(data: Path, target: Place, *lines: str, incremental: bool = False) -> Manifest:
    data.mkdir(exist_ok=True)
    (data / "wardlight.toml").touch(mode=0o600)
    with opened(data, Settings()) as offline:
        offline.engine.insert([batch(*lines, ts=NOW)])
        return offline.backups.create(target.name, incremental=incremental)


def test_full_and_incremental_backups_restore_to_what_was(target: Place, tmp_path: Path) -> None:
    made(tmp_path / "data", target, "a", "b")
    time.sleep(1.1)
    second = made(tmp_path / "data", target, "c", incremental=True)
    assert [entry for entry, _ in listed(target)] == [second.base, second.id]
    assert drill(target, second.id, tmp_path).backup == second
    restore(target, newest(target).id, tmp_path / "restored")
    assert (tmp_path / "restored/wardlight.toml").stat().st_mode & 0o777 == 0o600
    with opened(tmp_path / "restored", Settings()) as offline:
        rows = offline.engine.select("SELECT body FROM logs ORDER BY body").to_pylist()
    assert [row["body"] for row in rows] == ["a", "b", "c"]


def test_half_a_backup_is_refused(target: Place, tmp_path: Path) -> None:
    saved = made(tmp_path / "data", target, "a")
    target.files.delete_file(f"{target.root}/{saved.id}/manifest.json")
    with pytest.raises(BadInput, match="unfinished"):
        restore(target, saved.id, tmp_path / "restored")


def test_a_bucket_that_isnt_there_is_named(target: Place, tmp_path: Path) -> None:
    elsewhere = place("s3://nowhere/x")
    with pytest.raises(Unavailable, match=r"nowhere/x .* no such bucket"):
        made(tmp_path / "data", elsewhere, "a")
    assert not list((tmp_path / "data").glob(".backup-*"))
