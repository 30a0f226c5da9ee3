"""What the projection and the way in ask of the tables: what is there already, and removing it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from wardlight.audit.rows import LEDGER_INDEX
from wardlight.store import LogStore
from wardlight.store.months import empty
from wardlight.store.partitions import NO_LIMITS, drop, partitions, remove_marked

_TOP = """
SELECT max(idx) AS top, count() AS events, toUnixTimestamp64Nano(max(received)) AS received
FROM audit
"""
_NEWEST = "SELECT count() AS n FROM audit WHERE idx >= {first:UInt64}"
_IN_AUDIT = "SELECT idx FROM audit WHERE idx BETWEEN {first:UInt64} AND {last:UInt64}"
_IN_LOGS = f"""
SELECT toUInt64OrZero(attributes['{LEDGER_INDEX}']) AS idx
FROM logs
WHERE kind = 'audit' AND toDate(ts) IN {{days:Array(Date)}} AND attributes['{LEDGER_INDEX}'] != ''
    AND idx BETWEEN {{first:UInt64}} AND {{last:UInt64}}
"""  # noqa: S608 -- constants  # nosec B608
_KEYS = """
SELECT key, count() AS events, min(idx) AS first
FROM audit
WHERE key != '' AND idx >= {since:UInt64}
GROUP BY key
HAVING min(at) = 0
ORDER BY first DESC
LIMIT {most:UInt32}
"""


@dataclass(frozen=True, kw_only=True)
class Top:
    """The newest events of the table."""

    end: int
    """The index behind the highest; 0 when there is none."""
    whole: bool
    """Whether none of the newest is missing."""
    received: int
    """When the newest came, nanoseconds since 1970."""


@dataclass(frozen=True)
class SeenKey:
    """An idempotency key: how many events came under it, and the index of the first."""

    key: str
    events: int
    first: int


def top(store: LogStore, most: int) -> Top:
    """Look at the newest `most` events of the table."""
    (row,) = store.select(_TOP, limits=NO_LIMITS).to_pylist()
    if not row["events"]:
        return Top(end=0, whole=True, received=0)
    end = row["top"] + 1
    first = max(0, end - most)
    found = store.select(_NEWEST, {"first": first}, limits=NO_LIMITS)["n"][0].as_py()
    return Top(end=end, whole=found == end - first, received=row["received"])


def in_audit(store: LogStore, first: int, last: int) -> set[int]:
    """Name the indices from `first` to `last` that the table `audit` has."""
    return set(store.select(_IN_AUDIT, {"first": first, "last": last}, limits=NO_LIMITS)["idx"].to_pylist())


def in_logs(store: LogStore, rows: pa.RecordBatch) -> set[int]:
    """Name those of rows, which have the column `idx` too, that the table `logs` has."""
    days = [str(day) for day in pc.unique(pc.cast(rows["ts"], pa.date32(), safe=False)).to_pylist()]
    indices = pc.min_max(rows["idx"]).as_py()
    params = {"days": days, "first": indices["min"], "last": indices["max"]}
    return set(store.select(_IN_LOGS, params, limits=NO_LIMITS)["idx"].to_pylist())


def recent_keys(store: LogStore, most: int) -> list[SeenKey]:
    """Name the newest idempotency keys, the newest first, at most `most`."""
    (row,) = store.select(_TOP, limits=NO_LIMITS).to_pylist()
    width = 4 * most
    while True:
        since = max(0, row["top"] + 1 - width)
        found = store.select(_KEYS, {"since": since, "most": most}, limits=NO_LIMITS).to_pylist()
        if len(found) == most or not since:
            return [SeenKey(**one) for one in found]
        width *= 8


def remove_all(store: LogStore) -> None:
    """Remove everything that was projected. Records of kind `audit` older than the ledger stay."""
    empty(store)
    for partition in partitions(store):
        if partition.kind == "audit" and not remove_marked(store, partition, LEDGER_INDEX):
            drop(store, partition)
