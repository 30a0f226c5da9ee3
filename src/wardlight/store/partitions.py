"""Partitions, one a kind and day (UTC): what there is, and removing one, whole or but for held records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from wardlight.store import Limits, LogStore
from wardlight.store.holds import Held
from wardlight.store.params import Param

NO_LIMITS = Limits(seconds=0)
"""For work of our own that takes as long as it takes; memory stays bounded."""

_PARTITIONS = """
SELECT
    extract(partition, '^\\\\(\\'(\\\\w+)\\'') AS kind,
    extract(partition, '\\'([-\\\\d]+)\\'\\\\)$') AS day,
    sum(rows) AS rows,
    sum(bytes_on_disk) AS bytes,
    sum(data_uncompressed_bytes) AS raw_bytes,
    count() AS parts,
    toInt64(toUnixTimestamp(min(min_time))) AS oldest,
    toInt64(toUnixTimestamp(max(max_time))) AS newest
FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'logs'
GROUP BY kind, day
HAVING rows > 0
ORDER BY day, kind
"""

_IS_HELD = "(patient_id IN {patients:Array(String)} OR user_id IN {users:Array(String)})"
_IN = "kind = {kind:String} AND toDate(ts) = {day:Date}"
_UNHELD = f"SELECT countIf({_IS_HELD}) AS held, count() AS rows FROM logs WHERE {_IN}"  # noqa: S608 -- constants
_REDUCING = """
SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND table = 'logs' AND NOT is_done
"""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """The records of one kind and day. `raw_bytes` is their size before compression, without indexes."""

    kind: str
    day: date
    rows: int
    bytes: int
    raw_bytes: int
    parts: int
    oldest: datetime
    newest: datetime
    """To the second."""

    def __str__(self) -> str:
        return f"{self.kind} {self.day}"


def partitions(store: LogStore) -> tuple[Partition, ...]:
    """List what there is, oldest day first."""
    return tuple(
        Partition(
            **{
                **row,
                "day": date.fromisoformat(row["day"]),
                "oldest": datetime.fromtimestamp(row["oldest"], UTC),
                "newest": datetime.fromtimestamp(row["newest"], UTC),
            }
        )
        for row in store.select(_PARTITIONS, limits=NO_LIMITS).to_pylist()
    )


def held_rows(store: LogStore, partition: Partition, held: Held) -> tuple[int, int]:
    """Count the records of a partition that holds preserve, and all of them."""
    params = {**_named(partition), "patients": held.patients, "users": held.users}
    (row,) = store.select(_UNHELD, params, limits=NO_LIMITS).to_pylist()
    return row["held"], row["rows"]


def drop(store: LogStore, partition: Partition) -> None:
    """Remove a partition; its disk space is free at once."""
    store.manage("ALTER TABLE logs DROP PARTITION ({kind:String}, {day:Date})", _named(partition))


def reduce(store: LogStore, partition: Partition, held: Held) -> None:
    """Begin to remove all but held records of a partition: the engine goes on by itself, also after a restart."""
    store.manage(
        f"ALTER TABLE logs DELETE IN PARTITION ({{kind:String}}, {{day:Date}}) WHERE NOT {_IS_HELD}",
        {**_named(partition), "patients": held.patients, "users": held.users},
    )


def reducing(store: LogStore) -> bool:
    """Whether a reduction is under way."""
    return bool(store.select(_REDUCING, limits=NO_LIMITS).to_pylist()[0]["n"])


def _named(partition: Partition) -> Mapping[str, Param]:
    return {"kind": partition.kind, "day": partition.day.isoformat()}
