"""Ways in for tests: protection, a ledger, what takes events to it, and what projects them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from wardlight.audit.projection import Pace, Projection
from wardlight.audit.trail import Trail
from wardlight.clock import SystemClock
from wardlight.config import Protect
from wardlight.ledger import Ledger
from wardlight.protect.keys import Keys
from wardlight.protect.known import Known
from wardlight.protect.protector import Protector
from wardlight.store import LogStore


def protector(registry: CollectorRegistry) -> Protector:
    """Make protection with a key of its own."""
    keys = Keys.new()
    return Protector(Protect(), keys, Known(keys), registry)


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
