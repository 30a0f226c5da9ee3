"""What the log store holds and costs: per kind, per column, and how long its disk lasts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from wardlight.clock import moment
from wardlight.config import Settings
from wardlight.records import KINDS
from wardlight.store import LogStore
from wardlight.store.disk import days_left, with_trail
from wardlight.store.months import Month, months
from wardlight.store.partitions import IN_TABLE, NAMED, Partition, ask_engine, partitions

_COLUMNS = f"""
SELECT
    {NAMED},
    column AS name,
    sum(column_data_compressed_bytes + column_marks_bytes) AS bytes,
    sum(column_data_uncompressed_bytes) AS raw_bytes
FROM system.parts_columns
WHERE {IN_TABLE}
GROUP BY kind, day, name
UNION ALL
SELECT
    {NAMED},
    '(indexes)' AS name,
    sum(secondary_indices_compressed_bytes + secondary_indices_marks_bytes) AS bytes,
    sum(secondary_indices_uncompressed_bytes) AS raw_bytes
FROM system.parts
WHERE {IN_TABLE}
GROUP BY kind, day
"""  # noqa: S608 -- constants  # nosec B608
_BY_KIND = f"""
SELECT kind, name, sum(bytes) AS bytes, sum(raw_bytes) AS raw_bytes
FROM ({_COLUMNS})
GROUP BY kind, name
HAVING bytes > 0
ORDER BY kind, bytes DESC
"""  # noqa: S608 -- constants  # nosec B608


@dataclass(frozen=True, kw_only=True)
class ColumnStats:
    """A column of one kind. `ratio` is bytes on disk by bytes before compression; None where nothing is."""

    name: str
    bytes: int
    raw_bytes: int
    ratio: float | None


@dataclass(frozen=True, kw_only=True)
class KindStats:
    """The records of one kind."""

    kind: str
    records: int
    bytes: int
    raw_bytes: int
    ratio: float | None
    partitions: int
    parts: int
    oldest: datetime | None
    newest: datetime | None
    columns: tuple[ColumnStats, ...]
    """Largest first; `(indexes)` are those of all columns. The engine keeps no such figures of parts below 10 MB."""


@dataclass(frozen=True, kw_only=True)
class TrailStats:
    """The table `audit`: the events of kind `audit` once more, so that they can be asked for. Months are partitions."""

    events: int
    bytes: int
    raw_bytes: int
    ratio: float | None
    months: int
    parts: int


@dataclass(frozen=True, kw_only=True)
class StoreStats:
    """The whole store."""

    kinds: tuple[KindStats, ...]
    trail: TrailStats
    disk_free_bytes: int
    disk_reserve_bytes: int
    disk_days_left: float | None
    """At the growth of the last day; None when it lasts for more than a year, or growth isn't known yet."""


def measure(store: LogStore, settings: Settings, free: int, now_ns: int) -> StoreStats:
    """Measure a store."""
    found = partitions(store)
    columns: dict[str, list[ColumnStats]] = {kind: [] for kind in KINDS}
    for row in ask_engine(store, _BY_KIND):
        kind = row.pop("kind")
        columns.setdefault(kind, []).append(ColumnStats(**row, ratio=_ratio(row["bytes"], row["raw_bytes"])))
    trail = months(store)
    left = days_left(
        with_trail(found, trail), settings.retention, free - settings.store.disk_reserve_bytes, moment(now_ns)
    )
    return StoreStats(
        kinds=tuple(_of(kind, [one for one in found if one.kind == kind], columns[kind]) for kind in KINDS),
        trail=_trail(trail),
        disk_free_bytes=free,
        disk_reserve_bytes=settings.store.disk_reserve_bytes,
        disk_days_left=None if math.isinf(left) else left,
    )


def _of(kind: str, found: Sequence[Partition], columns: Iterable[ColumnStats]) -> KindStats:
    size, raw = sum(one.bytes for one in found), sum(one.raw_bytes for one in found)
    return KindStats(
        kind=kind,
        records=sum(one.records for one in found),
        bytes=size,
        raw_bytes=raw,
        ratio=_ratio(size, raw),
        partitions=len(found),
        parts=sum(one.parts for one in found),
        oldest=min((one.oldest for one in found), default=None),
        newest=max((one.newest for one in found), default=None),
        columns=tuple(columns),
    )


def _trail(found: Sequence[Month]) -> TrailStats:
    size, raw = sum(one.bytes for one in found), sum(one.raw_bytes for one in found)
    return TrailStats(
        events=sum(one.events for one in found),
        bytes=size,
        raw_bytes=raw,
        ratio=_ratio(size, raw),
        months=len(found),
        parts=sum(one.parts for one in found),
    )


def _ratio(size: int, raw: int) -> float | None:
    return round(size / raw, 4) if raw else None
