"""A ledger beside a store that the tests of a module share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.audit.projecting import QUICK
from tests.conftest import NOW
from tests.ledger.conftest import Unsynced

from wardlight.audit.projection import Projection
from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.ledger.log import Pace
from wardlight.store import LogStore
from wardlight.store.embedded import EmbeddedStore

Begin = Callable[..., Projection]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    pace = Pace(publish_seconds=0.0, retry_seconds=0.01)
    opened = Ledger(tmp_path / "ledger" / "log", "example.com/clinic", ManualClock(NOW), disk=Unsynced(), pace=pace)
    yield opened
    opened.close()


@pytest.fixture
def trail(store: EmbeddedStore) -> EmbeddedStore:
    """A store that is empty, the table `audit` too."""
    store.manage("TRUNCATE TABLE audit")
    return store


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def begin(ledger: Ledger, trail: EmbeddedStore) -> Iterator[Begin]:
    """Start a projection; the one before is closed, as in a new process."""
    with ExitStack() as running:

        def start(
            store: LogStore = trail, registry: CollectorRegistry | None = None, since_ns: Callable[[], int] = lambda: 0
        ) -> Projection:
            running.close()
            made = Projection(ledger, store, registry or CollectorRegistry(), since_ns=since_ns, pace=QUICK)
            running.callback(made.close)
            made.start()
            return made

        yield start
