"""A way into the audit trail for tests: a ledger, what takes events to it, and what projects them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from wardlight.audit.projection import Pace, Projection
from wardlight.audit.trail import Trail
from wardlight.clock import SystemClock
from wardlight.ledger import Ledger
from wardlight.store import LogStore


@contextmanager
def trailing(store: LogStore, home: Path, registry: CollectorRegistry) -> Iterator[tuple[Trail, Projection]]:
    """Open a ledger under `home` and project it into `store` meanwhile."""
    ledger = Ledger(home / "log", "example.org/ledger", SystemClock())
    projection = Projection(ledger, store, registry, pace=Pace(flush_seconds=0.05, settle_seconds=0.0))
    projection.start()
    try:
        yield Trail(ledger, store, registry), projection
    finally:
        projection.close()
        ledger.close()
