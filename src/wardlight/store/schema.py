"""The table of records, and the steps that lead a store from any earlier version to this one."""

from __future__ import annotations

from dataclasses import dataclass

from wardlight.records import SCHEMA


@dataclass(frozen=True)
class Migration:
    """One step: what it does, and its statements."""

    version: int
    purpose: str
    statements: tuple[str, ...]


_RECORDS = """
(
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String),
    stream LowCardinality(String) CODEC(ZSTD(1)),
    body String CODEC(ZSTD(1)),
    severity UInt8 CODEC(ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    patient_id String CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX stream_set stream TYPE set(100),
    INDEX trace_bloom trace_id TYPE bloom_filter(0.01),
    INDEX user_text user_id TYPE text(tokenizer = 'array'),
    INDEX patient_text patient_id TYPE text(tokenizer = 'array')
)
"""
_ORDER = "PARTITION BY (kind, toDate(ts)) ORDER BY ts SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"

COLUMNS = ", ".join(SCHEMA.names)

MIGRATIONS = (
    Migration(
        1,
        "records of all four kinds",
        (f"CREATE TABLE logs {_RECORDS} ENGINE = MergeTree {_ORDER}, non_replicated_deduplication_window = 10000",),
    ),
)
"""In order; a released one is never changed."""


def cluster_migrations(cluster: str) -> tuple[Migration, ...]:
    """Return the same steps for a cluster: every shard has `logs_local`, replicated; `logs` spreads over the shards.

    A record goes to a shard by its stream and time, so that a repeated insert meets the shard that knows its token.
    """
    replicated = "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/logs_local', '{replica}')"
    on = f"ON CLUSTER '{cluster}'"
    spread = f"Distributed('{cluster}', currentDatabase(), logs_local, cityHash64(stream, ts))"
    local = f"CREATE TABLE IF NOT EXISTS logs_local {on} {_RECORDS} ENGINE = {replicated} {_ORDER}"
    return (
        Migration(
            1,
            "records of all four kinds",
            (
                f"{local}, replicated_deduplication_window = 10000",
                f"CREATE TABLE IF NOT EXISTS logs {on} AS logs_local ENGINE = {spread}",
            ),
        ),
    )


VERSIONS = """
CREATE TABLE IF NOT EXISTS migrations (version UInt32, at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY version
"""

_WORDS = "body_text body TYPE text(tokenizer = 'splitByNonAlpha')"
TEXT_INDEX = {
    True: f"ALTER TABLE {{table}} ADD INDEX IF NOT EXISTS {_WORDS}",
    False: "ALTER TABLE {table} DROP INDEX IF EXISTS body_text",
}
"""The words of lines: on or off for what is written from now on (`store.text_index`)."""
HAS_TEXT_INDEX = """
SELECT count() > 0 AS has FROM system.data_skipping_indices
WHERE database = currentDatabase() AND table = '{table}' AND name = 'body_text'
"""

ENGINE_CONFIG = """<clickhouse>
    <merge_tree>
        <!-- Merged parts aren't fsynced: keep their sources until the kernel has surely written them. -->
        <old_parts_lifetime>480</old_parts_lifetime>
        <!-- A store that opens with broken parts and says so is better than one that doesn't open. -->
        <max_suspicious_broken_parts>10000</max_suspicious_broken_parts>
    </merge_tree>
    <!-- A backup goes where the administrator says; only statements of ours reach the engine. -->
    <backups>
        <allowed_path>/</allowed_path>
    </backups>
    <query_log remove="1"/>
    <query_thread_log remove="1"/>
    <part_log remove="1"/>
    <metric_log remove="1"/>
    <asynchronous_metric_log remove="1"/>
    <trace_log remove="1"/>
    <text_log remove="1"/>
    <processors_profile_log remove="1"/>
</clickhouse>
"""
