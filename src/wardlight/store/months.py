"""The months of the audit trail: partitions of the table `audit`, by the time at which events were recorded (UTC)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from wardlight.store import LogStore
from wardlight.store.holds import Held
from wardlight.store.params import Param
from wardlight.store.partitions import IN_TABLE, NO_LIMITS, ask_engine

_MONTHS = f"""
SELECT
    partition,
    sum(rows) AS events,
    sum(bytes_on_disk) AS bytes,
    sum(data_uncompressed_bytes) AS raw_bytes,
    count() AS parts
FROM system.parts
WHERE {IN_TABLE} AND rows > 0
GROUP BY partition
ORDER BY toUInt32(partition)
"""  # noqa: S608 -- constants  # nosec B608
_IS_HELD = """
SELECT count() > 0 AS held
FROM audit
WHERE toYYYYMM(recorded) = {month:UInt32}
    AND (hasAny(entities, {patients:Array(String)}) AND hasAny(patients, {patients:Array(String)})
        OR hasAny(agents, {users:Array(String)}) AND hasAny(users, {users:Array(String)}))
"""
# Patients are among the entities, and users among the agents: those have indexes.
_OLDEST = "SELECT count() AS events, toUnixTimestamp64Nano(min(received)) AS oldest FROM audit"


@dataclass(frozen=True, kw_only=True)
class Month:
    """The events of one month. `raw_bytes` is their size before compression, without indexes."""

    partition: str
    """Year and month, as `202601`."""
    events: int
    bytes: int
    raw_bytes: int
    parts: int

    @property
    def end(self) -> date:
        """The first day after it."""
        year, month = int(self.partition[:4]), int(self.partition[4:])
        return date(year + month // 12, month % 12 + 1, 1)


def months(store: LogStore) -> tuple[Month, ...]:
    """List what there is, oldest first."""
    return tuple(Month(**row) for row in ask_engine(store, _MONTHS, "audit"))


def kept_from(now: date, days: int) -> datetime:
    """Say from when on events are kept for their days: months before that have ended longer ago."""
    return datetime.fromordinal(now.toordinal() - days).replace(day=1, tzinfo=UTC)


def holds_events(store: LogStore, month: Month, held: Held) -> bool:
    """Whether a month has events of a patient or user on hold."""
    params: dict[str, Param] = {"month": int(month.partition), "patients": held.patients, "users": held.users}
    return bool(store.select(_IS_HELD, params, limits=NO_LIMITS).to_pylist()[0]["held"])


def oldest_received(store: LogStore) -> int | None:
    """Say when the earliest of all events came, in nanoseconds since 1970; None if there is none."""
    (row,) = store.select(_OLDEST, limits=NO_LIMITS).to_pylist()
    return int(row["oldest"]) if row["events"] else None


def drop_month(store: LogStore, month: Month) -> None:
    """Remove a month; its disk space is free at once."""
    store.manage(f"{_alter(store)} DROP PARTITION {{month:UInt32}}", {"month": int(month.partition)})


def empty(store: LogStore) -> None:
    """Remove all events from the table."""
    store.manage(f"TRUNCATE TABLE {store.where.local_table('audit')} {store.where.on}")


def _alter(store: LogStore) -> str:
    return f"ALTER TABLE {store.where.local_table('audit')} {store.where.on}"
