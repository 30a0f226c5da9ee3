"""The log store: where records are kept and asked for. `LogStore` is what every engine offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from wardlight.records import Protected
from wardlight.store.params import Param

Table = Literal["logs", "audit"]
"""Records of all kinds; the audit trail, a projection of the ledger (`audit/table.py` has its columns)."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one query may cost; 0 means no limit."""

    seconds: float = 60.0
    memory_bytes: int = 2 * 1024**3
    result_rows: int = 0
    read_bytes: int = 0
    """Most bytes read from disk, uncompressed."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where an engine's records lie: what administrative statements name."""

    cluster: str = ""
    local: bool = True
    """In the data directory of this machine."""

    @property
    def on(self) -> str:
        """The clause by which a statement runs on every server."""
        return f"ON CLUSTER '{self.cluster}'" if self.cluster else ""

    def local_table(self, table: Table) -> str:
        """Name the table that has the partitions."""
        return f"{table}_local" if self.cluster else table

    def system(self, table: str) -> str:
        """Name a system table, of one replica of each shard."""
        return f"cluster('{self.cluster}', system.{table})" if self.cluster else f"system.{table}"


class LogStore(Protocol):
    """An engine that keeps records in the tables of `store/schema.py`."""

    @property
    def where(self) -> Where:
        """Where its records lie."""
        ...

    def insert(self, batches: Iterable[Protected], token: str = "", table: Table = "logs") -> None:
        """Write batches; on return they are on disk. A token that was used before makes it do nothing.

        Raises BadInput when the engine refuses the batch itself, Unavailable when the disk is full or it is closed.
        """
        ...

    def select(
        self, sql: str, params: Mapping[str, Param] | None = None, *, limits: Limits = Limits(), tag: str = ""
    ) -> pa.Table:
        """Run one SELECT (without FORMAT and SETTINGS) with values bound to its `{name:Type}` placeholders.

        Raises TimedOut, TooLarge (a limit was reached), Cancelled (`cancel(tag)` was called) or Unavailable.
        """
        ...

    def cancel(self, tag: str) -> None:
        """Stop the running queries that carry this tag."""
        ...

    def manage(self, statement: str, params: Mapping[str, Param] | None = None) -> None:
        """Run one administrative statement of ours (ALTER, BACKUP, RESTORE …), however long it takes.

        Raises Cancelled when the store is closed meanwhile, or another problem.
        """
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Hold inserts back while inside, for as short as may be."""
        ...

    def close(self) -> None:
        """Stop queries, finish writing, release the directory."""
        ...
