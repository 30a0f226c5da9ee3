"""The projection of a data directory without a server: what the command line opens when none runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from wardlight.audit.keep import Keep
from wardlight.audit.projection import Projection
from wardlight.clock import SystemClock
from wardlight.config import Settings
from wardlight.ledger import Ledger
from wardlight.problems import Unavailable
from wardlight.store.offline import opened
from wardlight.store.state import State


@contextmanager
def projecting(data: Path, settings: Settings) -> Iterator[Projection]:
    """Open everything that a projection needs; it is for the caller to start. Raises Conflict, Unavailable."""
    if settings.store.clickhouse:
        raise Unavailable("the logs lie on ClickHouse servers (store.clickhouse): start the server, and ask again")
    clock = SystemClock()
    ledger = Ledger(data / "ledger" / "log", settings.ledger.origin, clock)
    with opened(data, settings) as offline, closing(ledger), closing(State(data / "state.db")) as state:
        ledger.open()
        keep = Keep(offline.engine, ledger, state, clock, days=settings.retention.audit_days)
        with closing(Projection(ledger, offline.engine, CollectorRegistry(), since_ns=keep.since_ns)) as projection:
            yield projection
