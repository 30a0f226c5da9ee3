"""The tables of records and of the audit trail, and the steps that lead a store from any earlier version to this one."""

from __future__ import annotations

from dataclasses import dataclass


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
_DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1"
_ORDER = f"PARTITION BY (kind, toDate(ts)) ORDER BY ts SETTINGS {_DURABLE}"

_AUDIT = """
(
    idx UInt64 CODEC(Delta, ZSTD(1)),
    recorded DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    received DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    patient String CODEC(ZSTD(1)),
    patients Array(String) CODEC(ZSTD(1)),
    user String CODEC(ZSTD(1)),
    users Array(String) CODEC(ZSTD(1)),
    types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    subtypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    action LowCardinality(String) CODEC(ZSTD(1)),
    outcome LowCardinality(String) CODEC(ZSTD(1)),
    purposes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    resource LowCardinality(String) CODEC(ZSTD(1)),
    record String CODEC(ZSTD(1)),
    addresses Array(String) CODEC(ZSTD(1)),
    agents Array(String) CODEC(ZSTD(1)),
    entities Array(String) CODEC(ZSTD(1)),
    sources Array(String) CODEC(ZSTD(1)),
    entity_types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    entity_roles Array(LowCardinality(String)) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    format LowCardinality(String) CODEC(ZSTD(1)),
    deviation Array(LowCardinality(String)) CODEC(ZSTD(1)),
    key String CODEC(ZSTD(1)),
    at UInt32 CODEC(ZSTD(1)),
    entry String CODEC(ZSTD(1)),
    INDEX idx_range idx TYPE minmax,
    INDEX received_range received TYPE minmax,
    INDEX others_text arraySlice(patients, 2) TYPE text(tokenizer = 'array'),
    INDEX agents_text agents TYPE text(tokenizer = 'array'),
    INDEX entities_text entities TYPE text(tokenizer = 'array'),
    INDEX purposes_text purposes TYPE text(tokenizer = 'array')
)
"""
# A patient has few events a month, and entries are long: small granules read less of other patients'. Each part costs a
# question its time: a month that nothing came to for a day becomes one part.
_AUDIT_ORDER = (
    f"PARTITION BY toYYYYMM(recorded) ORDER BY (patient, recorded, idx) SETTINGS {_DURABLE}, index_granularity = 512,"
    " min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1"
)

MIGRATIONS = (
    Migration(
        1,
        "records of all four kinds",
        (f"CREATE TABLE logs {_RECORDS} ENGINE = MergeTree {_ORDER}, non_replicated_deduplication_window = 10000",),
    ),
    Migration(
        2,
        "the audit trail, as the ledger has it",
        (
            f"CREATE TABLE audit {_AUDIT} ENGINE = MergeTree {_AUDIT_ORDER}, non_replicated_deduplication_window = 10000",
        ),
    ),
)
"""In order; a released one is never changed."""
AUDIT_SINCE = 2
"""The version that brought the table `audit`."""


def cluster_migrations(cluster: str) -> tuple[Migration, ...]:
    """Return the same steps for a cluster: every shard has `logs_local`, replicated; `logs` spreads over the shards.

    A record goes to a shard by its stream and time, and an audit event by its index, so that a repeated insert meets
    the shard that knows its token.
    """

    def spread(table: str, columns: str, order: str, by: str) -> tuple[str, str]:
        local, on = f"{table}_local", f"ON CLUSTER '{cluster}'"
        replicated = f"ReplicatedMergeTree('/clickhouse/tables/{{shard}}/{{database}}/{local}', '{{replica}}')"
        spread_by = f"Distributed('{cluster}', currentDatabase(), {local}, {by})"
        window = "replicated_deduplication_window = 10000"
        return (
            f"CREATE TABLE IF NOT EXISTS {local} {on} {columns} ENGINE = {replicated} {order}, {window}",
            f"CREATE TABLE IF NOT EXISTS {table} {on} AS {local} ENGINE = {spread_by}",
        )

    statements = (
        spread("logs", _RECORDS, _ORDER, "cityHash64(stream, ts)"),
        spread("audit", _AUDIT, _AUDIT_ORDER, "cityHash64(idx)"),
    )
    return tuple(Migration(step.version, step.purpose, made) for step, made in zip(MIGRATIONS, statements, strict=True))


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
        <!-- Eight parts at a time instead of five: each record is written anew less often. -->
        <merge_selector_base>8</merge_selector_base>
        <!-- Each costs some 4 MB of memory: not a hundred after a busy minute. -->
        <max_parts_to_merge_at_once>10</max_parts_to_merge_at_once>
        <!-- Column by column: less memory and processor when the parts' times overlap. -->
        <vertical_merge_algorithm_min_columns_to_activate>2</vertical_merge_algorithm_min_columns_to_activate>
        <!-- Counts of different values and the like, of every column, serve no question of ours. -->
        <auto_statistics_types></auto_statistics_types>
        <!-- What was just inserted is one file of columns: half as many files to make and to sync, less memory. -->
        <min_level_for_wide_part>1</min_level_for_wide_part>
        <!-- Merging makes way for inserts (store/embedded.py), but isn't left behind without end: inserts wait for it. -->
        <parts_to_delay_insert>100</parts_to_delay_insert>
        <parts_to_throw_insert>300</parts_to_throw_insert>
        <!-- Merged parts aren't fsynced: keep their sources until the kernel has surely written them. -->
        <old_parts_lifetime>480</old_parts_lifetime>
        <!-- A store that opens with broken parts and says so is better than one that doesn't open. -->
        <max_suspicious_broken_parts>10000</max_suspicious_broken_parts>
    </merge_tree>
    <!-- Three merges at a time, and two threads for them; small ones first, as these keep the parts few. -->
    <background_merges_mutations_concurrency_ratio>1.5</background_merges_mutations_concurrency_ratio>
    <background_merges_mutations_scheduling_policy>shortest_task_first</background_merges_mutations_scheduling_policy>
    <!-- Caches are for questions that come again, not for all the memory there is. -->
    <mark_cache_size>134217728</mark_cache_size>
    <index_mark_cache_size>67108864</index_mark_cache_size>
    <primary_index_cache_size>134217728</primary_index_cache_size>
    <text_index_tokens_cache_size>67108864</text_index_tokens_cache_size>
    <text_index_header_cache_size>67108864</text_index_header_cache_size>
    <text_index_postings_cache_size>67108864</text_index_postings_cache_size>
    <!-- What is free goes back to the system early: in share of the machine's memory. -->
    <memory_worker_purge_dirty_pages_threshold_ratio>0.005</memory_worker_purge_dirty_pages_threshold_ratio>
    <!-- A backup goes where the administrator says; only statements of ours reach the engine. -->
    <backups>
        <allowed_path>/</allowed_path>
    </backups>
    <!-- No section of a system log: naming one, even to remove it, turns it on, and it would keep what was asked for. -->
</clickhouse>
"""
