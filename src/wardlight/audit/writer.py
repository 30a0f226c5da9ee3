"""Writing a batch of the ledger's entries into the tables `logs` and `audit`: each entry once, refused ones left out."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from wardlight.audit import table
from wardlight.audit.event import Entry
from wardlight.audit.rows import rows_of
from wardlight.audit.tables import in_audit, in_logs
from wardlight.problems import Unavailable
from wardlight.store import LogStore, Table
from wardlight.store.dialect import by_partition

MOST = 20_000
"""Entries of a batch. A later version may raise it; a lower one would miss what a larger batch left half written."""

Numbered = Sequence[tuple[int, Entry]]
"""Entries, each with its index in the ledger."""

_INDEX = "idx"
_MAKE: Mapping[Table, Callable[[Numbered], pa.RecordBatch]] = {"logs": rows_of, "audit": table.batch}
"""The tables, in the order in which they are written."""

_log = logging.getLogger(__name__)


class Writer:
    """Writes batches, one after the other. `refused` is told of events that a table doesn't take.

    After a `start` it looks which entries are there already, until `MOST` in a row were missing.
    """

    def __init__(self, store: LogStore, refused: Callable[[Table, int], None]) -> None:
        self._store = store
        self._refused = refused
        self.start(empty=False)

    def start(self, *, empty: bool) -> None:
        """Begin a run: tokens of its own, and doubt about what is there unless the tables are known to be empty."""
        self._token = secrets.token_hex(8)
        self._doubt = 0 if empty else MOST

    def write(self, entries: Numbered) -> int:
        """Write a batch to both tables, but for what they have; say how many events are new.

        Raises Unavailable and OSError; then it is called again with the same batch.
        """
        missing = self._missing(entries) if self._doubt > 0 else dict.fromkeys(_MAKE, entries)
        for name in _MAKE:
            refused: list[int] = []
            for partition, part in by_partition(_made(name, missing[name], refused), name).items():
                self._insert(name, part, f"{self._token}.{entries[0][0]}.{partition}", refused)
            if refused:
                _log.error("%s refuses %d audit events, of the ledger's entries %s", name, len(refused), refused[:20])
                self._refused(name, len(refused))
        self._doubt = MOST if len(missing["logs"]) < len(entries) else self._doubt - len(entries)
        return len(missing["audit"])

    def _missing(self, entries: Numbered) -> dict[Table, Numbered]:
        """Say which entries each table doesn't have. What is in `audit` is in `logs`: there it was written before."""
        known = in_audit(self._store, entries[0][0], entries[-1][0])
        without = [one for one in entries if one[0] not in known]
        logged: set[int] = set()
        for rows in _made("logs", without, []):
            logged |= in_logs(self._store, rows)
        return {"logs": [one for one in without if one[0] not in logged], "audit": without}

    def _insert(self, name: Table, part: Sequence[pa.RecordBatch], token: str, refused: list[int]) -> None:
        """Insert rows of one partition, which the engine does whole or not; find those that it refuses."""
        try:
            self._store.insert([_bare(name, rows) for rows in part], token, name)
        except (Unavailable, OSError):
            raise
        except Exception as problem:  # noqa: BLE001 -- events that break the engine must not stop the others
            rows = pa.Table.from_batches(part)
            if rows.num_rows == 1:
                refused.append(rows[_INDEX][0].as_py())
                return
            _log.warning("the engine refuses some of %d audit events: %s", rows.num_rows, problem)
            middle = rows.num_rows // 2
            for half in (rows.slice(0, middle), rows.slice(middle)):
                self._insert(name, half.to_batches(), f"{token}.{half[_INDEX][0]}-{half.num_rows}", refused)


def _made(name: Table, entries: Numbered, refused: list[int]) -> list[pa.RecordBatch]:
    """Make rows, with the index of each; if that fails, of each entry by itself."""
    if not entries:
        return []
    try:
        rows = _MAKE[name](entries)
        indices = pa.array([index for index, _ in entries], pa.uint64())
        return [rows if name == "audit" else rows.append_column(_INDEX, indices)]
    except Exception as problem:  # noqa: BLE001 -- an event of a shape that nobody thought of must not stop the others
        if len(entries) > 1:
            _log.warning("some of %d entries can't be made rows of %s: %s", len(entries), name, type(problem).__name__)
            return [rows for one in entries for rows in _made(name, [one], refused)]
        refused.append(entries[0][0])
        return []


def _bare(name: Table, rows: pa.RecordBatch) -> pa.RecordBatch:
    return rows if name == "audit" else rows.drop_columns([_INDEX])
