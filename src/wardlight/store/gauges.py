"""The store's metrics: its size, its disk, retention, backups and drills."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from wardlight.records import KINDS
from wardlight.store.partitions import Partition


class Gauges:
    """What Prometheus is told of the store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, help_: str, *labels: str) -> Gauge:
            return Gauge(f"wardlight_{name}", help_, labels, registry=registry)

        self._sizes = {
            "records": gauge("store_records", "Records in the log store.", "kind"),
            "bytes": gauge("store_bytes", "Disk space of the log store.", "kind"),
            "parts": gauge("store_parts", "Parts, which merges bring down again.", "kind"),
        }
        self._partitions = gauge("store_partitions", "Days of records.", "kind")
        self._free = gauge("store_disk_free_bytes", "Free space on the log store's disk.")
        self._reserve = gauge("store_disk_reserve_bytes", "Setting store.disk_reserve_bytes.")
        self._days = gauge("store_disk_days_left", "Days until the reserve is reached, at the growth of the last day.")
        self._warning = gauge("store_disk_warning_days", "Setting store.disk_warning_days.")
        self._full = gauge("store_disk_full", "1 while senders are refused for lack of space.")
        self._removed = Counter(
            "wardlight_retention_removed_partitions", "Partitions dropped (expired, disk) or reduced to what is held.",
            ["kind", "reason"], registry=registry,
        )  # fmt: skip
        for kind in KINDS:
            for reason in ("expired", "disk", "held"):
                self._removed.labels(kind, reason)
        self._stopped = gauge("retention_stopped", "1 while retention doesn't trust the clock.")
        self._holds = gauge("legal_holds", "Legal holds in force.")
        self._failures = Counter("wardlight_keeping_failures", "Passes of the keeper that failed.", registry=registry)
        self._backup = gauge("backup_last_timestamp_seconds", "When the last backup was finished.", "destination")
        self._drill_at = gauge(
            "backup_drill_last_timestamp_seconds", "When the last restore drill ended.", "destination"
        )
        self._drill = gauge("backup_drill_success", "1 when the last restore drill was good.", "destination")

    def set_limits(self, reserve: int, warning_days: int) -> None:
        """Show the settings that rules compare with."""
        self._reserve.set(reserve)
        self._warning.set(warning_days)

    def sizes(self, found: tuple[Partition, ...]) -> None:
        """Show what the store holds."""
        for kind in KINDS:
            of_kind = [one for one in found if one.kind == kind]
            for name, gauge in self._sizes.items():
                gauge.labels(kind).set(sum(getattr(one, name) for one in of_kind))
            self._partitions.labels(kind).set(len(of_kind))

    def disk(self, free: int, *, full: bool) -> None:
        """Show how the disk is."""
        self._free.set(free)
        self._full.set(full)

    def days_left(self, days: float) -> None:
        """Show how long the disk lasts."""
        self._days.set(days)

    def removed(self, partition: Partition, why: str) -> None:
        """Count a partition that was removed."""
        self._removed.labels(partition.kind, why).inc()

    def retention(self, *, stopped: bool, holds: int) -> None:
        """Show whether retention works, and how much is exempt from it."""
        self._stopped.set(stopped)
        self._holds.set(holds)

    def failed(self) -> None:
        """Count a pass that failed."""
        self._failures.inc()

    def backup(self, at: datetime, destination: str) -> None:
        """Show the last backup."""
        self._backup.clear()
        self._backup.labels(destination).set(at.timestamp())

    def drill(self, at: datetime, destination: str, *, good: bool) -> None:
        """Show the last drill."""
        self._drill_at.clear()
        self._drill.clear()
        self._drill_at.labels(destination).set(at.timestamp())
        self._drill.labels(destination).set(good)
