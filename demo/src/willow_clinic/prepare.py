"""What a new cluster is filled with: the database, its roles, the schema, the synthetic clinic."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import psycopg
from psycopg import sql

from willow_clinic import seed
from willow_clinic.cluster import passwords, write_private

_ROLES = """
CREATE ROLE clinic LOGIN PASSWORD {clinic};
CREATE ROLE canary LOGIN PASSWORD {canary};
CREATE ROLE exporter LOGIN PASSWORD {exporter};
GRANT pg_monitor TO exporter;
ALTER ROLE exporter SET lock_timeout = '300ms';
ALTER ROLE exporter SET statement_timeout = '1500ms';
ALTER ROLE canary SET statement_timeout = '1500ms';
REVOKE ALL ON DATABASE clinic FROM PUBLIC;
GRANT CONNECT ON DATABASE clinic TO clinic, canary, exporter;
"""


def main(data: Path, port: int) -> None:
    """Wait for the server, make what is missing, write the addresses for its clients."""
    secret = passwords(data)

    def uri(role: str, database: str = "clinic") -> str:
        return f"postgresql://{role}:{secret[role]}@127.0.0.1:{port}/{database}?sslmode=disable"

    while not _answers(uri("postgres", "postgres")):
        time.sleep(0.05)
    make_database(uri("postgres", "postgres"))
    make_contents(uri("postgres"), secret, data / "staff.json")
    for name, role in (("app", "clinic"), ("canary", "canary"), ("exporter", "exporter")):
        write_private(data / f"{name}.uri", uri(role))
    print(f"database ready on 127.0.0.1:{port}", flush=True)


def make_database(uri: str) -> None:
    """Make the database `clinic` unless it is there."""
    with psycopg.connect(uri, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'clinic'").fetchone():
            connection.execute("CREATE DATABASE clinic")


def make_contents(uri: str, secret: Mapping[str, str], staff_file: Path) -> None:
    """Make roles, schema and seed data in one transaction unless they are there.

    The passwords of the staff go to `staff_file`, for the traffic generator and for people who try the demo.
    """
    with psycopg.connect(uri) as connection:
        if connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'patients'").fetchone():
            return
        literals = {role: sql.Literal(password) for role, password in secret.items()}
        connection.execute(sql.SQL(_ROLES).format(**literals))
        # Lets the exporter measure bloat without reading a row; not installed everywhere.
        if connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pgstattuple'").fetchone():
            connection.execute("CREATE EXTENSION pgstattuple")
        connection.execute(files("willow_clinic").joinpath("schema.sql").read_bytes())
        staff = {username: secrets.token_urlsafe(9) for username, *_ in seed.staff_names()}
        seed.seed(connection, staff)
        write_private(staff_file, json.dumps(staff, indent=1) + "\n")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("ANALYZE")


def _answers(uri: str) -> bool:
    try:
        psycopg.connect(uri, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
