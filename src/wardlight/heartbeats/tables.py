"""The tables of heartbeats, and the steps that lead to them."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Integer, MetaData, Table, Text

from wardlight.store.schema import Migration
from wardlight.store.state import Instant

_metadata = MetaData()

heartbeats = Table(
    "heartbeats",
    _metadata,
    Column("slug", Text, primary_key=True),
    Column("origin", Text),
    Column("definition", JSON),
    Column("watched", Instant),
    Column("paused", Instant),
    Column("heard", Instant),
    Column("failed", Boolean),
    Column("exit_code", Integer),
    Column("runs", JSON),
    Column("seconds", Float),
    Column("pings", Integer),
    Column("fell", Instant),
    Column("rose", Instant),
)

pings = Table(
    "heartbeat_pings",
    _metadata,
    Column("slug", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Instant),
    Column("action", Text),
    Column("exit_code", Integer),
    Column("rid", Text),
    Column("seconds", Float),
)

watches = Table(
    "heartbeat_watch",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("listened", Instant),
    Column("away_from", Instant),
    Column("away_to", Instant),
)

_FIRST = (
    """
CREATE TABLE heartbeats (
    slug TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    definition JSON NOT NULL,
    watched BIGINT NOT NULL,
    paused BIGINT,
    heard BIGINT,
    failed BOOLEAN NOT NULL,
    exit_code INTEGER,
    runs JSON NOT NULL,
    seconds DOUBLE PRECISION,
    pings BIGINT NOT NULL,
    fell BIGINT,
    rose BIGINT
)""",
    """
CREATE TABLE heartbeat_pings (
    slug TEXT NOT NULL REFERENCES heartbeats ON DELETE CASCADE,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    exit_code INTEGER,
    rid TEXT NOT NULL,
    seconds DOUBLE PRECISION,
    PRIMARY KEY (slug, number)
)""",
    """
CREATE TABLE heartbeat_watch (
    id INTEGER PRIMARY KEY,
    listened BIGINT NOT NULL,
    away_from BIGINT,
    away_to BIGINT
)""",
)

MIGRATIONS = (Migration(1, "heartbeats, their newest pings, and when somebody listened to them", _FIRST),)
"""In order; a released one is never changed. `fell` and `rose` bound the last alert; it goes on while `rose` is null."""
