"""The tables of incidents, and the steps that lead to them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, MetaData, Table, Text

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

MIGRATIONS = (Migration(1, "incidents, their alerts and timeline; when the watchdog was heard", _FIRST),)
"""In order; a released one is never changed. `ended` says whether its alerts still fire, `state` what came of it."""
