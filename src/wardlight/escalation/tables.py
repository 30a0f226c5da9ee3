"""The tables of escalation, and the steps that lead to them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, MetaData, Table, Text

from wardlight.store.schema import Migration
from wardlight.store.state import Instant

_metadata = MetaData()

courses = Table(
    "escalations",
    _metadata,
    Column("incident_id", Integer, primary_key=True),
    Column("run", Integer, primary_key=True),
    Column("policy", Text),
    Column("severity", Text),
    Column("state", Text),
    Column("step", Integer),
    Column("turn", Integer),
    Column("due", Instant),
    Column("acknowledged_by", Text),
    Column("acknowledged_at", Instant),
    Column("reminded", Boolean),
    Column("version", Integer),
)

deliveries = Table(
    "deliveries",
    _metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Integer),
    Column("run", Integer),
    Column("turn", Integer),
    Column("purpose", Text),
    Column("level", Text),
    Column("person", Text),
    Column("channel", Text),
    Column("severity", Text),
    Column("state", Text),
    Column("reason", Text),
    Column("attempt", Integer),
    Column("due", Instant),
    Column("at", Instant),
    Column("claim", Text),
    Column("claimed_until", Instant),
)

notes = Table(
    "escalation_notes",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer),
    Column("action", Text),
    Column("note", Text),
    Column("claim", Text),
    Column("claimed_until", Instant),
)

overrides = Table(
    "oncall_overrides",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("rotation", Text),
    Column("person", Text),
    Column("since", Instant),
    Column("until", Instant),
    Column("actor", Text),
    Column("at", Instant),
)

clocks = Table("escalation_clock", _metadata, Column("name", Text, primary_key=True), Column("at", Instant))

_FIRST = (
    """
CREATE TABLE escalations (
    incident_id BIGINT NOT NULL,
    run INTEGER NOT NULL,
    policy TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    step INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    due BIGINT,
    acknowledged_by TEXT NOT NULL,
    acknowledged_at BIGINT,
    reminded BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (incident_id, run)
)""",
    "CREATE INDEX escalations_live ON escalations (incident_id) WHERE state <> 'over'",
    """
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    incident_id BIGINT NOT NULL,
    run INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    level TEXT NOT NULL,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    due BIGINT NOT NULL,
    at BIGINT NOT NULL,
    claim TEXT,
    claimed_until BIGINT
)""",
    "CREATE INDEX deliveries_due ON deliveries (due) WHERE state = 'due'",
    "CREATE INDEX deliveries_by_incident ON deliveries (incident_id, run, turn)",
    """
CREATE TABLE escalation_notes (
    id BIGINT PRIMARY KEY,
    incident_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    note TEXT NOT NULL,
    claim TEXT,
    claimed_until BIGINT
)""",
    """
CREATE TABLE oncall_overrides (
    id BIGINT PRIMARY KEY,
    rotation TEXT NOT NULL,
    person TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL
)""",
    "CREATE INDEX oncall_overrides_by_rotation ON oncall_overrides (rotation, until)",
    "CREATE TABLE escalation_clock (name TEXT PRIMARY KEY, at BIGINT NOT NULL)",
)

MIGRATIONS = (Migration(1, "escalations, deliveries, what is to be noted; overrides; the timers' clock", _FIRST),)
"""In order; a released one is never changed.

An escalation is one incident's way through a policy, anew for each time it is opened (`run` is how often it was
reopened). `turn` numbers the levels that were asked, `step` is the next one of the policy. A delivery is the intent to
send one message to one person by one channel, written before it is sent, and what became of it. Notes wait to be
written on an incident's timeline. `due` and `claimed_until` are times of `steady`, all others of the wall clock.
"""
