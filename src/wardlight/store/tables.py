"""The store's own tables in the state database, and the steps that lead to them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, MetaData, Table, Text

from wardlight.store.schema import Migration
from wardlight.store.state import Instant

_metadata = MetaData()

holds = Table(
    "holds",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("scope", Text),
    Column("subject", Text),
    Column("reason", Text),
    Column("placed", Instant),
    Column("placed_by", Text),
    Column("released", Instant),
    Column("released_by", Text),
    Column("release_reason", Text),
)

facts = Table(
    "store_facts", _metadata, Column("name", Text, primary_key=True), Column("at", Instant), Column("value", JSON)
)

_FIRST = (
    """
CREATE TABLE holds (
    id BIGINT PRIMARY KEY,
    scope TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    placed BIGINT NOT NULL,
    placed_by TEXT NOT NULL,
    released BIGINT,
    released_by TEXT,
    release_reason TEXT
)""",
    "CREATE TABLE store_facts (name TEXT PRIMARY KEY, at BIGINT NOT NULL, value JSON NOT NULL)",
)

MIGRATIONS = (Migration(1, "legal holds; what is remembered of retention, backups and drills", _FIRST),)
"""In order; a released one is never changed. A released hold stays in its table."""
