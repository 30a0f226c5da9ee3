"""System Overview asks whether everything is up, and whether anything runs short."""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import metric
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.looks import UP, YES, above, below
from wardlight.dashboards.panels import Panel, alerts, bars, dial, graph, number, states

DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs"'


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-system",
        "System Overview",
        "Is everything up, and does anything run short?",
        [
            Row("Now", [*_now(), *_parts()]),
            Row("Machine", [*machine(), *_over_time()]),
            Row("Database", _database()),
            Row("Logs", _logs()),
        ],
    )


def _now() -> list[Panel]:
    database = number(
        "Database", "Whether its exporter can connect to the database.",
        metric('min(pg_up{job="postgres"})'), marks=UP, named=YES,
    )  # fmt: skip
    return [vital.application(), database, vital.records(), vital.trail(), vital.firing(), vital.incidents()]


def _parts() -> list[Panel]:
    return [
        alerts("What fires", "Alerts that fire or are about to, the most important first.", width=8),
        states(
            "Parts", "When Prometheus could reach each part of the platform, and when not.",
            metric("min by (job) (up)", "{{job}}"), named=YES, width=8,
        ),
        states(
            "Addresses", "When the addresses that are probed answered, the canary's among them.",
            metric('min by (instance) (probe_success{job=~"probe|canary"})', "{{instance}}"), named=YES, width=8,
        ),
    ]  # fmt: skip


def machine() -> list[Panel]:
    """Show what of the machine is taken."""
    memory = "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
    disks = f"node_filesystem_size_bytes{{{DISKS}}}"
    return [
        dial(
            "Processors", "How busy all cores are together; above 90 % people wait.",
            metric('1 - avg(rate(node_cpu_seconds_total{mode="idle"}[1m]))'), unit="percentunit", marks=above(0.7, 0.9),
        ),
        dial(
            "Memory", "How much memory is taken and can't be given to programs; above 92 % it becomes dangerous.",
            metric(f"max(1 - {memory})"), unit="percentunit", marks=above(0.8, 0.92),
        ),
        bars(
            "Disks", "How full each disk is; below 8 % free an alert fires.",
            metric(f"max by (mountpoint) (1 - node_filesystem_avail_bytes{{{DISKS}}} / {disks})", "{{mountpoint}}"),
            unit="percentunit", marks=above(0.8, 0.92), most=1, width=8, height=6,
        ),
    ]  # fmt: skip


def _over_time() -> list[Panel]:
    return [
        graph(
            "Processors over time", "What the processors do: work of programs, of the system, waiting for disks, taken by others.",
            metric('avg by (mode) (rate(node_cpu_seconds_total{mode!~"idle|guest.*"}[$__rate_interval]))', "{{mode}}"),
            unit="percentunit", stacked=True, width=8,
        ),
        graph(
            "Waiting", "Share of the time in which some program had to wait for processors, memory or disks.",
            metric("max(rate(node_pressure_cpu_waiting_seconds_total[$__rate_interval]))", "processors"),
            metric("max(rate(node_pressure_memory_waiting_seconds_total[$__rate_interval]))", "memory"),
            metric("max(rate(node_pressure_io_waiting_seconds_total[$__rate_interval]))", "disks"),
            unit="percentunit", width=8,
        ),
        graph(
            "Disks over time", "What is read from and written to all disks.",
            metric("sum(rate(node_disk_read_bytes_total[$__rate_interval]))", "read"),
            metric("sum(rate(node_disk_written_bytes_total[$__rate_interval]))", "written"),
            unit="Bps", width=8,
        ),
        graph(
            "Network", "What is received and sent, without traffic inside the machine.",
            metric('sum(rate(node_network_receive_bytes_total{device!="lo"}[$__rate_interval]))', "received"),
            metric('sum(rate(node_network_transmit_bytes_total{device!="lo"}[$__rate_interval]))', "sent"),
            unit="Bps", width=8,
        ),
    ]  # fmt: skip


def _database() -> list[Panel]:
    return [
        dial(
            "Connections", "Share of the database's connections that are taken; when all are, everybody new is refused.",
            metric("max(wardlight_pg_connections_used / wardlight_pg_connections_max)"),
            unit="percentunit", marks=above(0.6, 0.8),
        ),
        number(
            "Sessions that wait", "Sessions that wait for a lock of another one.",
            metric("max(wardlight_pg_blocked_sessions)"), marks=above(1, 5),
        ),
        number(
            "Found in memory", "Share of blocks that the database found in its memory; low means slow.",
            metric("min(wardlight_pg_cache_hit_ratio)"), unit="percentunit", marks=below(0.95, 0.9),
        ),
        graph(
            "Transactions", "What the database does a second: transactions that were kept, and those that were taken back.",
            metric('sum(rate(pg_stat_database_xact_commit{datname!=""}[$__rate_interval]))', "kept"),
            metric('sum(rate(pg_stat_database_xact_rollback{datname!=""}[$__rate_interval]))', "taken back"),
            unit="ops",
        ),
    ]  # fmt: skip


def _logs() -> list[Panel]:
    received = graph(
        "Records received", "Log records that arrive a second, by kind; a gap means that a sender is silent.",
        metric("sum by (kind) (rate(wardlight_receive_records_total[$__rate_interval]))", "{{kind}}"),
        unit="cps", stacked=True,
    )  # fmt: skip
    return [received, vital.troubles(), vital.latest()]
