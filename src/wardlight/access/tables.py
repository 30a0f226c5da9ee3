"""The tables of people, sessions and tokens, and the steps that lead to them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, LargeBinary, MetaData, Table, Text

from wardlight.store.schema import Migration
from wardlight.store.state import Instant

_metadata = MetaData()

people = Table(
    "people",
    _metadata,
    Column("name", Text, primary_key=True),
    Column("display_name", Text),
    Column("roles", Text),
    Column("password", Text),
    Column("totp", Text),
    Column("totp_offered", Text),
    Column("totp_step", Integer),
    Column("disabled", Boolean),
    Column("subject", Text),
    Column("created", Instant),
    Column("signed_in", Instant),
)

invitations = Table(
    "invitations",
    _metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", Text),
    Column("first", Boolean),
    Column("expires", Instant),
)

recovery_codes = Table(
    "recovery_codes", _metadata, Column("hash", LargeBinary, primary_key=True), Column("person", Text)
)

sessions = Table(
    "sessions",
    _metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", Text),
    Column("pending", Boolean),
    Column("created", Instant),
    Column("seen", Instant),
    Column("address", Text),
    Column("agent", Text),
)

tokens = Table(
    "tokens",
    _metadata,
    Column("id", Text, primary_key=True),
    Column("hash", LargeBinary),
    Column("name", Text),
    Column("scopes", Text),
    Column("created", Instant),
    Column("created_by", Text),
    Column("expires", Instant),
    Column("revoked", Instant),
    Column("used", Instant),
    Column("used_from", Text),
)

failures = Table(
    "sign_in_failures",
    _metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("failed", Integer),
    Column("at", Instant),
    Column("until", Instant),
)

deeds = Table(
    "access_deeds",
    _metadata,
    Column("id", Text, primary_key=True),
    Column("at", Instant),
    Column("action", Text),
    Column("actor", Text),
    Column("about", Text),
)

_FIRST = (
    """
CREATE TABLE people (
    name TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    roles TEXT NOT NULL,
    password TEXT,
    totp TEXT,
    totp_offered TEXT,
    totp_step BIGINT NOT NULL,
    disabled BOOLEAN NOT NULL,
    subject TEXT UNIQUE,
    created BIGINT NOT NULL,
    signed_in BIGINT
)""",
    """
CREATE TABLE invitations (
    hash BLOB PRIMARY KEY,
    person TEXT NOT NULL UNIQUE,
    first BOOLEAN NOT NULL,
    expires BIGINT NOT NULL
)""",
    "CREATE TABLE recovery_codes (hash BLOB PRIMARY KEY, person TEXT NOT NULL)",
    "CREATE INDEX recovery_codes_by_person ON recovery_codes (person)",
    """
CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    person TEXT NOT NULL,
    pending BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
)""",
    "CREATE INDEX sessions_by_person ON sessions (person)",
    """
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires BIGINT,
    revoked BIGINT,
    used BIGINT,
    used_from TEXT NOT NULL
)""",
    """
CREATE TABLE sign_in_failures (
    subject BLOB PRIMARY KEY,
    failed INTEGER NOT NULL,
    at BIGINT NOT NULL,
    until BIGINT NOT NULL
)""",
    "CREATE INDEX sign_in_failures_by_time ON sign_in_failures (at)",
    """
CREATE TABLE access_deeds (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    about TEXT NOT NULL
)""",
)

MIGRATIONS = (Migration(1, "people, invitations, sessions, tokens, failed sign-ins, deeds to be told", _FIRST),)
"""In order; a released one is never changed.

`hash` is the SHA-256 of a secret of 200 bits or more (`secret.py`), a password is argon2id. `totp` is the shared secret
itself: whoever verifies codes must know it, and a key beside the database would leave with it. `roles` and `scopes` are
words with spaces between them; `subject` is who somebody is to the OpenID Connect provider; a pending session waits for
the second factor; `until` is the end of a back-off.
"""
