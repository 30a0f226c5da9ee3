"""The log store as JSON: statistics, backups, dead letters, under `/api/v1/store`.

Statistics are `wardlight.store.stats.StoreStats`. Backups and dead letters are for the data directory's owner, with the key
of `wardlight.store.owner` as bearer token. A backup is answered when it is whole:

    {"destination": "/backups/wardlight", "incremental": false}
    {"id": "20260101T120000Z", "base": null, "records": 1000000, "partitions": 90, "files": 2}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter

from wardlight.store.backup import Backups
from wardlight.store.commit import GroupCommit
from wardlight.store.journal import DeadLetters
from wardlight.store.stats import StoreStats


@dataclass(frozen=True, kw_only=True)
class BackupOrder:
    """Where a backup goes: a directory on the server's machine, or s3://BUCKET/PREFIX."""

    destination: str
    incremental: bool = False


@dataclass(frozen=True, kw_only=True)
class BackupMade:
    """A whole backup."""

    id: str
    base: str | None
    records: int
    partitions: int
    files: int


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """Dead letters that the engine was offered once more."""

    records: int


def router(measure: Callable[[], StoreStats], backups: Backups, commits: GroupCommit) -> APIRouter:
    """Make the routes of the store."""
    routes = APIRouter(prefix="/api/v1/store", tags=["store"])

    @routes.get("/stats", summary="Measure the log store: bytes, rows and ratios per kind and column, disk days left")
    def stats() -> StoreStats:
        return measure()

    @routes.post("/backups", summary="Make a backup")
    def make(order: BackupOrder) -> BackupMade:
        made = backups.create(order.destination, incremental=order.incremental)
        return BackupMade(
            id=made.id, base=made.base, records=made.records, partitions=len(made.partitions), files=len(made.files)
        )

    @routes.get("/dead", summary="List acknowledged records that the engine refused")
    def dead() -> list[DeadLetters]:
        return commits.dead_letters()

    @routes.post("/dead/{name}/replay", summary="Offer dead letters once more")
    def replay(name: str) -> Replayed:
        return Replayed(records=commits.replay(name))

    return routes
