"""The private PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
from pathlib import Path

import psycopg
import pytest

from willow_clinic import seed
from willow_clinic.cluster import Cluster, find_programs
from willow_clinic.trouble import Trouble

from .conftest import Clinic, eventually, stop

pytestmark = pytest.mark.stack


def server_pid(data: Path) -> int:
    return int((data / "postgresql" / "postmaster.pid").read_text().split()[0])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_holds_staff_patients_and_their_records(clinic: Clinic) -> None:
    [(staff, patients, appointments)] = clinic.sql(
        "SELECT (SELECT count(*) FROM staff), (SELECT count(*) FROM patients), (SELECT count(*) FROM appointments)"
    )
    assert staff == sum(seed.STAFF.values())
    assert patients > seed.PATIENTS
    assert appointments >= 900


def test_every_secret_is_readable_by_its_owner_only(clinic: Clinic) -> None:
    for name in ("passwords.json", "staff.json", "app.uri", "canary.uri", "exporter.uri"):
        assert stat.S_IMODE((clinic.data / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((clinic.data / "postgresql").stat().st_mode) == 0o700


def test_it_listens_on_the_loopback_address_only_and_on_no_socket(clinic: Clinic) -> None:
    assert clinic.sql("SHOW listen_addresses") == [("127.0.0.1",)]
    assert clinic.sql("SHOW unix_socket_directories") == [("",)]


def test_a_wrong_password_is_refused(clinic: Clinic) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=clinic.database_port, dbname="clinic", user="clinic", password="x")


def test_the_canary_reads_its_one_patient_and_nothing_else(clinic: Clinic) -> None:
    assert clinic.sql("SELECT mrn, family FROM canary_patient", "canary") == [("WC000000", "Canary")]
    for table in ("patients", "staff", "sessions", "appointments", "prescriptions", "invoices"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            clinic.sql(f"SELECT * FROM {table}", "canary")


def test_the_exporter_sees_statistics_but_no_patient(clinic: Clinic) -> None:
    with psycopg.connect((clinic.data / "exporter.uri").read_text()) as connection:
        settings = connection.execute(
            "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'), "
            "pg_has_role('pg_monitor', 'member')"
        )
        assert settings.fetchone() == ("300ms", "1500ms", True)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM patients")


def test_the_application_may_not_change_the_schema_or_the_staff(clinic: Clinic) -> None:
    for statement in ("CREATE TABLE t ()", "UPDATE staff SET password = 'x'", "DELETE FROM patients"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            clinic.sql(statement, "clinic")


def test_what_was_written_is_there_after_a_restart(clinic: Clinic) -> None:
    before = clinic.sql("SELECT count(*) FROM patients")
    stop(clinic.database)
    assert clinic.database.returncode == 0
    clinic.start_database()
    assert eventually(lambda: clinic.status("/canary") == 200)
    assert clinic.sql("SELECT count(*) FROM patients") == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux tells a child that its parent died")
def test_postgresql_does_not_outlive_a_parent_that_was_killed(clinic: Clinic) -> None:
    pid = server_pid(clinic.data)
    clinic.database.kill()
    clinic.database.wait()
    clinic.start_database()
    assert eventually(lambda: not alive(pid))
    assert eventually(lambda: clinic.status("/canary") == 200)


def test_it_ends_when_postgresql_does(clinic: Clinic) -> None:
    os.kill(server_pid(clinic.data), signal.SIGQUIT)
    assert clinic.database.wait(10) == 1
    assert "PostgreSQL ended by itself" in clinic.said("database")
    clinic.start_database()
    assert eventually(lambda: clinic.status("/canary") == 200)


@pytest.mark.skipif(os.geteuid() != 0, reason="others run PostgreSQL as themselves")
def test_a_directory_that_postgresql_may_not_enter_is_named(postgresql: Path) -> None:
    closed = Path(tempfile.mkdtemp())
    try:
        with pytest.raises(Trouble, match=f"may not enter {closed} .*chmod o\\+x {closed}"):
            Cluster(closed / "data", 1).run()
    finally:
        shutil.rmtree(closed)


def test_without_postgresql_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Trouble, match="PostgreSQL is not installed: apt install postgresql"):
        find_programs(None, places=())


def test_a_cluster_of_another_version_is_named(postgresql: Path) -> None:
    with pytest.raises(Trouble, match="PostgreSQL 9, which made this cluster, is not installed"):
        find_programs(9)
