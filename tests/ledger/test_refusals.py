"""What must not be taken is refused with its cause, and nothing is damaged by it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ledger.conftest import ORIGIN, QUICK, Open, Unsynced, entries, verified

from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.ledger.home import confirm
from wardlight.ledger.tiles import Tile
from wardlight.problems import Unavailable


class Full(Unsynced):
    """A disk that has room, or hasn't."""

    full = False
    error = errno.ENOSPC

    def write(self, file: int, data: bytes | memoryview, at: int) -> int:
        if self.full:
            raise OSError(self.error, os.strerror(self.error))
        return super().write(file, data, at)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems can't be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_cannot_be_written_refuses_and_recovers(start: Open, directory: Path, error: int) -> None:
    disk = Full()
    disk.error = error
    ledger = start(disk=disk)
    ledger.append(entries(0, 300))
    ledger.checkpoint()
    disk.full = True
    for _ in range(3):
        with pytest.raises(Unavailable, match=os.strerror(error)):
            ledger.append(entries(300, 10))
    assert ledger.read(0, 300) == entries(0, 300), "reading goes on"
    disk.full = False
    assert ledger.append(entries(300, 10)) == range(300, 310)
    assert start().read(0, 1000) == entries(0, 310)
    verified(directory)


def test_a_disk_that_fills_up_while_publishing_loses_nothing(start: Open, directory: Path) -> None:
    class NoTiles(Full):
        def rename(self, source: Path, target: Path) -> None:
            if self.full and "tile" in target.parts:
                raise OSError(self.error, os.strerror(self.error))
            super().rename(source, target)

        def write(self, file: int, data: bytes | memoryview, at: int) -> int:
            return os.pwrite(file, data, at)

    disk = NoTiles()
    ledger = start(disk=disk)
    ledger.open()
    disk.full = True
    assert ledger.append(entries(0, 300)) == range(300)
    assert not ledger.settle(0.2)
    assert "No space left" in ledger.problem
    disk.full = False
    assert ledger.read(0, 300) == entries(0, 300)
    assert ledger.problem == ""
    verified(directory)


def test_a_file_system_that_is_full_refuses_and_keeps_what_was_acknowledged(
    small_disk: Path, clock: ManualClock
) -> None:
    ledger = Ledger(small_disk / "ledger" / "log", ORIGIN, clock, pace=QUICK)
    told = range(0)
    try:
        with pytest.raises(Unavailable, match="No space left"):  # noqa: PT012 -- after how many doesn't matter
            for _ in range(100):
                told = ledger.append([bytes(20_000)])
    finally:
        ledger.close()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    again = Ledger(small_disk / "ledger" / "log", ORIGIN, clock, pace=QUICK)
    again.open()
    assert again.size == told.stop
    again.close()


def test_a_read_only_file_system_refuses(small_disk: Path, clock: ManualClock) -> None:
    directory = small_disk / "ledger" / "log"
    ledger = Ledger(directory, ORIGIN, clock, pace=QUICK)
    ledger.append(entries(0, 10))
    ledger.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(Unavailable, match="Read-only file system"):
        Ledger(directory, ORIGIN, clock).append(entries(10, 10))
    verified(directory)


def test_a_log_without_its_key_is_refused_until_the_key_is_back(start: Open, directory: Path) -> None:
    start().append(entries(0, 10))
    ledger = start()
    ledger.close()
    key = directory.parent / "key"
    shutil.move(key, key.with_suffix(".away"))
    ledger = start()
    for _ in range(2):
        with pytest.raises(Unavailable, match="key is missing"):
            ledger.append(entries(10, 1))
    assert "key is missing" in ledger.problem
    assert not key.exists(), "no other key is made"
    shutil.move(key.with_suffix(".away"), key)
    assert ledger.append(entries(10, 1)) == range(10, 11)


def test_a_damaged_key_is_refused(start: Open, directory: Path) -> None:
    start().open()
    key = directory.parent / "key"
    key.write_text(key.read_text().replace("+A", "+B"))
    with pytest.raises(Unavailable, match="can't be read"):
        start().open()


def test_a_key_of_another_log_is_refused(start: Open, directory: Path, tmp_path: Path, clock: ManualClock) -> None:
    start().append(entries(0, 10))
    other = Ledger(tmp_path / "other" / "log", ORIGIN, clock)
    other.open()
    other.close()
    start().close()
    shutil.copy(tmp_path / "other" / "key", directory.parent / "key")
    with pytest.raises(Unavailable, match="isn't signed by"):
        start().open()


def test_another_name_is_refused(start: Open) -> None:
    start().open()
    with pytest.raises(Unavailable, match=r"ledger\.origin"):
        start("example.com/other").open()


def test_a_name_that_no_log_can_have_is_refused(start: Open) -> None:
    with pytest.raises(Unavailable, match=r"ledger\.origin"):
        start("our ledger").open()


def test_a_second_owner_is_refused_until_the_first_has_gone(start: Open, directory: Path, clock: ManualClock) -> None:
    ledger = start()
    ledger.append(entries(0, 10))
    second = Ledger(directory, ORIGIN, clock, pace=QUICK)
    with pytest.raises(Unavailable, match="in use by another process"):
        second.append(entries(10, 1))
    ledger.close()
    assert second.append(entries(10, 1)) == range(10, 11)
    second.close()


def test_a_clock_that_went_back_is_refused_until_it_is_right(start: Open, clock: ManualClock) -> None:
    ledger = start()
    ledger.append(entries(0, 10))
    right = clock.now_ns()
    clock.set_wall(right - 3600 * 10**9)
    with pytest.raises(Unavailable, match="confirm-clock"):
        ledger.append(entries(10, 1))
    clock.set_wall(right + 1)
    assert ledger.append(entries(10, 1)) == range(10, 11)


def test_a_clock_that_went_back_while_it_was_down_is_refused(start: Open, clock: ManualClock) -> None:
    ledger = start()
    ledger.append(entries(0, 10))
    ledger.checkpoint()
    clock.set_wall(clock.now_ns() - 3600 * 10**9)
    with pytest.raises(Unavailable, match="the clock says 2025-12-31 23:00:00"):
        start().append(entries(10, 1))


def test_an_operator_can_say_that_the_clock_is_right(start: Open, clock: ManualClock, directory: Path) -> None:
    ledger = start()
    clock.advance(86_400 * 365)
    ledger.append(entries(0, 10))
    ledger.checkpoint()
    clock.set_wall(clock.now_ns() - 86_400 * 365 * 10**9)
    with pytest.raises(Unavailable):
        ledger.append(entries(10, 1))
    confirm(directory.parent, clock.now_ns())
    assert ledger.append(entries(10, 1)) == range(10, 11)
    assert start().append(entries(11, 1)) == range(11, 12)


def test_small_corrections_of_the_clock_are_nothing(ledger: Ledger, clock: ManualClock) -> None:
    ledger.append(entries(0, 1))
    clock.set_wall(clock.now_ns() - 30 * 10**9)
    assert ledger.append(entries(1, 1)) == range(1, 2)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("checkpoint", "checkpoint is missing"),
        (Tile(0, 1, 44).path, "has no|no tile"),
        (Tile(-1, 1, 44).path, "no tile"),
    ],
)
def test_a_log_that_lacks_a_file_is_refused(start: Open, directory: Path, name: str, why: str) -> None:
    start().append(entries(0, 300))
    start().close()
    (directory / name).unlink()
    with pytest.raises(Unavailable, match=why):
        start().open()


@pytest.mark.parametrize("name", ["checkpoint", Tile(0, 1, 44).path, Tile(-1, 1, 44).path, Tile(1, 0, 1).path])
def test_a_log_whose_edge_is_changed_is_refused(start: Open, directory: Path, name: str) -> None:
    start().append(entries(0, 300))
    start().close()
    data = bytearray((directory / name).read_bytes())
    data[20] ^= 1
    (directory / name).write_bytes(data)
    with pytest.raises(Unavailable, match="damaged"):
        start().open()


def test_a_journal_that_does_not_follow_on_the_log_is_refused(start: Open, directory: Path, tmp_path: Path) -> None:
    ledger = start()
    ledger.append(entries(0, 300))
    ledger.checkpoint()
    ledger.close()
    shutil.copytree(directory.parent, tmp_path / "older")
    disk = Full()
    ledger = start(disk=disk)
    ledger.append(entries(300, 10))
    ledger.checkpoint()
    disk.rename = lambda source, target: (_ for _ in ()).throw(OSError(errno.EIO, "no"))  # type: ignore[method-assign]
    ledger.append(entries(310, 10))
    ledger.close()
    shutil.rmtree(directory)
    shutil.copytree(tmp_path / "older" / "log", directory)
    with pytest.raises(Unavailable, match="goes on at entry 310, but the log has 300"):
        start().open()


def test_a_journal_that_is_damaged_before_whole_frames_is_refused(start: Open, directory: Path) -> None:
    disk = Full()
    ledger = start(disk=disk)
    ledger.open()
    disk.rename = lambda source, target: (_ for _ in ()).throw(OSError(errno.EIO, "no"))  # type: ignore[method-assign]
    ledger.append(entries(0, 10))
    ledger.close()
    (segment,) = [path for path in (directory.parent / "journal").iterdir() if path.stat().st_size]
    frame = segment.read_bytes()
    segment.write_bytes(frame[:30] + b"X" + frame[31:] + frame)
    with pytest.raises(Unavailable, match="damaged at byte 0"):
        start().open()
    segment.write_bytes(frame + frame[:-1])
    assert start().size == 10, "a torn last frame was never acknowledged"


def test_an_entry_that_looks_like_a_frame_is_none(start: Open, directory: Path) -> None:
    disk = Full()
    ledger = start(disk=disk)
    ledger.open()
    disk.rename = lambda source, target: (_ for _ in ()).throw(OSError(errno.EIO, "no"))  # type: ignore[method-assign]
    ledger.append(entries(0, 10))
    (segment,) = [path for path in (directory.parent / "journal").iterdir() if path.stat().st_size]
    frame = segment.read_bytes()
    assert not ledger.settle(1)
    ledger.append([frame * 2])
    ledger.close()
    last = max((directory.parent / "journal").iterdir())
    last.write_bytes(last.read_bytes()[:-1])
    assert start().size == 10
