"""Partitions, one a kind and day (UTC): what there is, and removing one, whole or but for held records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from wardlight.store import Limits, LogStore, Table
from wardlight.store.holds import Held
from wardlight.store.params import Param

NO_LIMITS = Limits(seconds=0)
"""For work of our own that takes as long as it takes; memory stays bounded."""

NAMED = "splitByChar('\\'', partition)[2] AS kind, splitByChar('\\'', partition)[4] AS day"
"""Reads a partition's name, `(\'audit\',\'2026-01-01\')`, in the engine's system tables."""
IN_TABLE = "active AND database = currentDatabase() AND table = {table:String}"

_PARTITIONS = f"""
SELECT
    {NAMED},
    sum(rows) AS records,
    sum(bytes_on_disk) AS bytes,
    sum(data_uncompressed_bytes) AS raw_bytes,
    count() AS parts,
    toInt64(toUnixTimestamp(min(min_time))) AS oldest,
    toInt64(toUnixTimestamp(max(max_time))) AS newest
FROM system.parts
WHERE {IN_TABLE} AND rows > 0
GROUP BY kind, day
ORDER BY day, kind
"""  # noqa: S608 -- constants  # nosec B608

_IS_HELD = "(patient_id IN {patients:Array(String)} OR user_id IN {users:Array(String)})"
_HELD = f"""
SELECT countIf({_IS_HELD}) AS held, count() AS records
FROM logs
WHERE kind = {{kind:String}} AND toDate(ts) = {{day:Date}}
"""  # noqa: S608 -- constants  # nosec B608
_UNMARKED = """
SELECT count() AS n
FROM logs
WHERE kind = {kind:String} AND toDate(ts) = {day:Date} AND NOT mapContains(attributes, {attribute:String})
"""
_REDUCING = """
SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done
"""
_SYSTEM = re.compile(r"\bsystem\.(\w+)")


@dataclass(frozen=True, kw_only=True)
class Partition:
    """The records of one kind and day. `raw_bytes` is their size before compression, without indexes."""

    kind: str
    day: date
    records: int
    bytes: int
    raw_bytes: int
    parts: int
    oldest: datetime
    newest: datetime
    """To the second."""

    def __str__(self) -> str:
        return f"{self.kind} {self.day}"


def ask_engine(store: LogStore, sql: str, table: Table = "logs") -> list[dict[str, Any]]:
    """Ask the engine's system tables about `{table:String}`, which has the partitions."""
    sql = _SYSTEM.sub(lambda found: store.where.system(found[1]), sql)
    params = {"table": store.where.local_table(table)}
    rows: list[dict[str, Any]] = store.select(sql, params, limits=NO_LIMITS).to_pylist()
    return rows


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
        for row in ask_engine(store, _PARTITIONS)
    )


def held_records(store: LogStore, partition: Partition, held: Held) -> tuple[int, int]:
    """Count the records of a partition that holds on patients and users preserve, and all of them."""
    params = {**_named(partition), "patients": held.patients, "users": held.users}
    (row,) = store.select(_HELD, params, limits=NO_LIMITS).to_pylist()
    return row["held"], row["records"]


def drop(store: LogStore, partition: Partition) -> None:
    """Remove a partition; its disk space is free at once."""
    store.manage(f"{_alter(store)} DROP PARTITION ({{kind:String}}, {{day:Date}})", _named(partition))


def reduce(store: LogStore, partition: Partition, held: Held) -> None:
    """Begin to remove all but held records of a partition: the engine goes on by itself, also after a restart."""
    store.manage(
        f"{_alter(store)} DELETE IN PARTITION ({{kind:String}}, {{day:Date}}) WHERE NOT {_IS_HELD}",
        {**_named(partition), "patients": held.patients, "users": held.users},
    )


def remove_marked(store: LogStore, partition: Partition, attribute: str) -> bool:
    """Remove the records of a partition that have an attribute, if others haven't; False: then all have it."""
    params = {**_named(partition), "attribute": attribute}
    (row,) = store.select(_UNMARKED, params, limits=NO_LIMITS).to_pylist()
    if row["n"]:
        store.manage(
            f"{_alter(store)} DELETE IN PARTITION ({{kind:String}}, {{day:Date}}) "
            "WHERE mapContains(attributes, {attribute:String}) SETTINGS mutations_sync = 2",
            params,
        )
    return bool(row["n"])


def reducing(store: LogStore) -> bool:
    """Whether a reduction is under way."""
    return bool(ask_engine(store, _REDUCING)[0]["n"])


def _alter(store: LogStore) -> str:
    return f"ALTER TABLE {store.where.local_table('logs')} {store.where.on}"


def _named(partition: Partition) -> Mapping[str, Param]:
    return {"kind": partition.kind, "day": partition.day.isoformat()}
