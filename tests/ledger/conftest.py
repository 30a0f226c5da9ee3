"""A ledger in a directory of its own, and what says that one is sound."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.ledger.disk import Disk
from wardlight.ledger.log import Pace
from wardlight.ledger.note import Verifier
from wardlight.ledger.source import Directory
from wardlight.ledger.verify import Report, Verification

ORIGIN = "example.com/clinic"
QUICK = Pace(publish_seconds=0.0, retry_seconds=0.01)

Open = Callable[..., Ledger]


class Unsynced(Disk):
    """A disk that loses power never: quicker."""

    def sync(self, file: int) -> None:
        pass


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the log lies; what is private lies above it."""
    return tmp_path / "ledger" / "log"


@pytest.fixture
def start(directory: Path, clock: ManualClock) -> Iterator[Open]:
    """Open the ledger; one that was opened before is closed."""
    with ExitStack() as running:

        def begin(origin: str = ORIGIN, disk: Disk | None = None) -> Ledger:
            running.close()
            ledger = Ledger(directory, origin, clock, disk=disk or Unsynced(), pace=QUICK)
            running.callback(ledger.close)
            return ledger

        yield begin


@pytest.fixture
def ledger(start: Open) -> Ledger:
    return start()


def verified(directory: Path, since: Sequence[str] = ()) -> Report:
    """Check a whole log by its own key."""
    log = Verifier.parse((directory / "vkey").read_text())
    return Verification(Directory(directory), log, large=directory.parent / "large").run(since)


def entries(first: int, count: int) -> list[bytes]:
    """Make entries that differ."""
    return [b"entry %d" % number for number in range(first, first + count)]


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The vectors and the log of others, where they are there."""
    beside = Path(__file__).parents[3] / "shared" / "conformance"
    found = Path(os.environ.get("WARDLIGHT_CONFORMANCE", beside)) / "tlog"
    if not found.is_dir():
        pytest.skip("the conformance data isn't here: set WARDLIGHT_CONFORMANCE")
    return found
