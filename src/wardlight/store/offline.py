"""A data directory without a server: what the command line opens when none runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from wardlight.clock import SystemClock
from wardlight.config import Settings
from wardlight.store.backup import Backups
from wardlight.store.commit import GroupCommit
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.journal import Journal
from wardlight.store.keeper import free_bytes
from wardlight.store.restore import refuse_unfinished
from wardlight.store.state import State
from wardlight.store.stats import StoreStats, measure


@dataclass(frozen=True)
class Offline:
    """The log store and what is done with it."""

    data: Path
    settings: Settings
    engine: EmbeddedStore
    backups: Backups

    def stats(self) -> StoreStats:
        """Measure the store."""
        return measure(self.engine, self.settings, free_bytes(self.data)(), SystemClock().now_ns())


@contextmanager
def opened(data: Path, settings: Settings) -> Iterator[Offline]:
    """Open everything, with what the journal still holds. Raises Conflict while a server runs, and BadConfig."""
    refuse_unfinished(data)
    clock = SystemClock()
    with ExitStack() as stack:
        engine = EmbeddedStore(data / "logs", text_index=settings.store.text_index, readers=1)
        stack.callback(engine.close)
        commits = GroupCommit(engine, Journal(data / "logs" / "journal", clock))
        stack.callback(commits.close)
        state = State(data / "state.db")
        stack.callback(state.close)
        yield Offline(data, settings, engine, Backups(data, engine, state, clock, commits.settle))
