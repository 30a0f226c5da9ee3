"""A disk that is really full: a small file system of its own."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import NOW, batch

from wardlight.clock import ManualClock, moment
from wardlight.problems import Unavailable
from wardlight.records import Decoded
from wardlight.store.disk import Pressure
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.holds import Holds
from wardlight.store.keeper import free_bytes
from wardlight.store.partitions import partitions
from wardlight.store.removal import Remover
from wardlight.store.state import State

DAY = 86_400_000_000_000
MEBIBYTE = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """64 MiB; skips where nothing can be mounted."""
    path = tmp_path / "disk"
    path.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system can't be mounted here: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def mebibyte(days_ago: int, kind: str, seed: int) -> Decoded:
    """Make 1 MiB of records that can't be compressed by much."""
    noise = random.Random(seed)
    return batch(*(noise.randbytes(1024).hex() for _ in range(1024)), kind=kind, ts=NOW - days_ago * DAY)


def records(store: EmbeddedStore) -> int:
    return sum(part.records for part in partitions(store))


def test_an_insert_that_finds_no_space_is_told_and_costs_nothing_that_was_kept(disk: Path) -> None:
    store = EmbeddedStore(disk / "logs", text_index=False)
    kept = 0

    def fill() -> None:
        nonlocal kept
        for seed in range(200):
            store.insert([mebibyte(0, "audit", seed)])
            kept += 1024

    with pytest.raises(Unavailable, match="disk of the log store is full"):
        fill()
    assert kept > 10 * 1024
    store.close()
    store = EmbeddedStore(disk / "logs", text_index=False)
    assert records(store) == kept
    store.close()


def test_old_application_logs_make_room_until_only_what_must_stay_is_left(disk: Path) -> None:
    store = EmbeddedStore(disk / "logs", text_index=False)
    state = State(disk / "state.db")
    clock = ManualClock(NOW + DAY // 2)
    removed: list[str] = []
    remover = Remover(store, Holds(state, clock), lambda part, _why: removed.append(part.kind))
    pressure = Pressure(store, remover, clock, free_bytes(disk), 20 * MEBIBYTE)
    audits = 0

    def fill() -> None:
        nonlocal audits
        for seed in range(200):
            pressure.admit()
            audit = seed % 2 == 0
            store.insert([mebibyte(5, "audit", seed) if audit else mebibyte(seed, "application", seed)])
            audits += 1024 * audit
            pressure.relieve()

    with pytest.raises(Unavailable, match="disk_reserve_bytes"):
        fill()
    assert set(removed) == {"application"}
    assert len(removed) > 10
    assert {part.kind for part in partitions(store)} == {"audit"}
    assert records(store) == audits
    assert moment(clock.now_ns()).date() > partitions(store)[0].day
    state.close()
    store.close()
