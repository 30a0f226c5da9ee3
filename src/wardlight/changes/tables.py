"""The tables of maintenance windows and deployments, and the steps that lead to them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, Table, Text

from wardlight.store.schema import Migration
from wardlight.store.state import Instant

_metadata = MetaData()

windows = Table(
    "maintenance",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("mark", Text),
    Column("state", Text),
    Column("what", Text),
    Column("matchers", JSON),
    Column("starts", Instant),
    Column("ends", Instant),
    Column("by", Text),
    Column("announced", Instant),
    Column("silence", Text),
    Column("annotation", BigInteger),
    Column("settled", Boolean),
    Column("problem", Text),
)

events = Table(
    "maintenance_events",
    _metadata,
    Column("window_id", Integer, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("at", Instant),
    Column("actor", Text),
    Column("logged", Boolean),
)

deployments = Table(
    "deployments",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant),
    Column("service", Text),
    Column("version", Text),
    Column("environment", Text),
    Column("commit", Text, key="revision"),
    Column("by", Text),
    Column("note", Text),
    Column("repetition", Text),
)

_FIRST = (
    """
CREATE TABLE maintenance (
    id BIGINT PRIMARY KEY,
    mark TEXT NOT NULL,
    state TEXT NOT NULL,
    what TEXT NOT NULL,
    matchers JSON NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    "by" TEXT NOT NULL,
    announced BIGINT NOT NULL,
    silence TEXT NOT NULL,
    annotation BIGINT,
    settled BOOLEAN NOT NULL,
    problem TEXT NOT NULL
)""",
    "CREATE INDEX maintenance_unsettled ON maintenance (settled, id)",
    """
CREATE TABLE maintenance_events (
    window_id BIGINT NOT NULL REFERENCES maintenance,
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    logged BOOLEAN NOT NULL,
    PRIMARY KEY (window_id, state)
)""",
    "CREATE INDEX maintenance_events_unlogged ON maintenance_events (logged)",
    """
CREATE TABLE deployments (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    service TEXT NOT NULL,
    version TEXT NOT NULL,
    environment TEXT NOT NULL,
    "commit" TEXT NOT NULL,
    "by" TEXT NOT NULL,
    note TEXT NOT NULL,
    repetition TEXT UNIQUE
)""",
    "CREATE INDEX deployments_by_service ON deployments (service, environment, id)",
)

MIGRATIONS = (Migration(1, "maintenance windows and what became of them; deployments", _FIRST),)
"""In order; a released one is never changed."""
