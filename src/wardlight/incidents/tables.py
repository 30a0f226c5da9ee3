"""The tables of incidents, and the steps that lead to them."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Integer, MetaData, Table, Text

from wardlight.store.schema import Migration
from wardlight.store.state import Instant

_metadata = MetaData()

incidents = Table(
    "incidents",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("group_key", Text),
    Column("state", Text),
    Column("severity", Text),
    Column("category", Text),
    Column("title", Text),
    Column("labels", JSON),
    Column("annotations", JSON),
    Column("started", Instant),
    Column("ended", Instant),
    Column("first_notice", Instant),
    Column("last_notice", Instant),
    Column("opened", Instant),
    Column("origin", Text),
    Column("firing", Boolean),
    Column("reopened", Integer),
    Column("acknowledged_by", Text),
    Column("acknowledged_at", Instant),
    Column("resolved_at", Instant),
    Column("merged_into", Integer),
    Column("cause", Text),
    Column("done", Text),
    Column("follow_up", Text),
)

alerts = Table(
    "incident_alerts",
    _metadata,
    Column("incident_id", Integer, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("labels", JSON),
    Column("annotations", JSON),
    Column("started", Instant),
    Column("ended", Instant),
    Column("generator_url", Text),
)

events = Table(
    "incident_events",
    _metadata,
    Column("incident_id", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Instant),
    Column("action", Text),
    Column("actor", Text),
    Column("source", Text),
    Column("note", Text),
)

history = Table(
    "alert_history",
    _metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("ended", Instant),
    Column("started", Instant),
    Column("state", Text),
    Column("by", JSON),
    Column("severity", Text),
    Column("labels", JSON),
    Column("annotations", JSON),
    Column("generator_url", Text),
)
"""A stretch of an alert in one state, as Alertmanager showed it from `since` to `ended`; `started` is the alert's own."""

watchdogs = Table("watchdogs", _metadata, Column("name", Text, primary_key=True), Column("heard", Instant))

_FIRST = (
    """
CREATE TABLE incidents (
    id BIGINT PRIMARY KEY,
    group_key TEXT NOT NULL,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    category TEXT NOT NULL,
    title TEXT NOT NULL,
    labels JSON NOT NULL,
    annotations JSON NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT,
    first_notice BIGINT NOT NULL,
    last_notice BIGINT NOT NULL
)""",
    "CREATE INDEX incidents_by_group ON incidents (group_key, id)",
    "CREATE UNIQUE INDEX incidents_one_running ON incidents (group_key) WHERE ended IS NULL",
    """
CREATE TABLE incident_alerts (
    incident_id BIGINT NOT NULL REFERENCES incidents,
    fingerprint TEXT NOT NULL,
    labels JSON NOT NULL,
    annotations JSON NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT,
    generator_url TEXT NOT NULL,
    PRIMARY KEY (incident_id, fingerprint)
)""",
    """
CREATE TABLE incident_events (
    incident_id BIGINT NOT NULL REFERENCES incidents,
    number INTEGER NOT NULL,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (incident_id, number)
)""",
    "CREATE TABLE watchdogs (name TEXT PRIMARY KEY, heard BIGINT NOT NULL)",
)

_SECOND = (
    "ALTER TABLE incidents ADD COLUMN opened BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE incidents ADD COLUMN origin TEXT NOT NULL DEFAULT 'alertmanager'",
    "ALTER TABLE incidents ADD COLUMN firing BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE incidents ADD COLUMN reopened INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE incidents ADD COLUMN acknowledged_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE incidents ADD COLUMN acknowledged_at BIGINT",
    "ALTER TABLE incidents ADD COLUMN resolved_at BIGINT",
    "ALTER TABLE incidents ADD COLUMN merged_into BIGINT REFERENCES incidents",
    "ALTER TABLE incidents ADD COLUMN cause TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE incidents ADD COLUMN done TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE incidents ADD COLUMN follow_up TEXT NOT NULL DEFAULT ''",
    "UPDATE incidents SET opened = first_notice, firing = (ended IS NULL), resolved_at = CASE WHEN ended IS NOT NULL THEN last_notice END",
    "CREATE INDEX incidents_by_state ON incidents (state, id)",
    "CREATE INDEX incidents_merged ON incidents (merged_into) WHERE merged_into IS NOT NULL",
    """
CREATE TABLE alert_history (
    fingerprint TEXT NOT NULL,
    since BIGINT NOT NULL,
    ended BIGINT,
    started BIGINT NOT NULL,
    state TEXT NOT NULL,
    by JSON NOT NULL,
    severity TEXT NOT NULL,
    labels JSON NOT NULL,
    annotations JSON NOT NULL,
    generator_url TEXT NOT NULL,
    PRIMARY KEY (fingerprint, since)
)""",
    "CREATE INDEX alert_history_by_time ON alert_history (since)",
    "CREATE UNIQUE INDEX alert_history_one_running ON alert_history (fingerprint) WHERE ended IS NULL",
)

MIGRATIONS = (
    Migration(1, "incidents, their alerts and timeline; when the watchdog was heard", _FIRST),
    Migration(2, "who is on an incident, its response and merging; the history of alerts", _SECOND),
)
"""In order; a released one is never changed. `ended` says whether alerts still fire, `state` what came of it."""
