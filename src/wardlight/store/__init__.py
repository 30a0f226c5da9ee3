"""The log store: where records are kept and asked for. `LogStore` is what every engine offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from wardlight.records import Decoded

type_param = str | int | float | bytes | Sequence[str] | Sequence[int] | Mapping[str, str]
"""What may be bound to a `{name:Type}` placeholder."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one query may cost."""

    seconds: float = 60.0
    memory_bytes: int = 2 * 1024**3
    result_rows: int = 1_000_000
    read_bytes: int = 0
    """Most bytes read from disk, uncompressed; 0 for no limit."""


class LogStore(Protocol):
    """An engine that keeps records."""

    def insert(self, batch: Decoded) -> None:
        """Write a batch; on return it is on disk. Raises Unavailable when the disk is full or the engine is closed."""
        ...

    def select(
        self, sql: str, params: Mapping[str, type_param] | None = None, *, limits: Limits = Limits(), tag: str = ""
    ) -> pa.Table:
        """Run one SELECT with bound parameters.

        Raises TimedOut, TooLarge (a limit was reached), Cancelled (`cancel(tag)` was called) or Unavailable.
        """
        ...

    def cancel(self, tag: str) -> None:
        """Stop the running queries that carry this tag."""
        ...

    def close(self) -> None:
        """Stop queries, finish writing, release the directory."""
        ...
