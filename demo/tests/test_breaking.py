"""Every fault does what it says, unmistakably, and is over when it is mended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .conftest import Clinic, eventually, stop

pytestmark = pytest.mark.stack


@pytest.fixture
def traffic(clinic: Clinic) -> Iterator[subprocess.Popen[bytes]]:
    """Busy staff."""
    wardlight = f"http://127.0.0.1:{clinic.listener.server_address[1]}"
    process = clinic.start("traffic", "--port", clinic.port, "--rate", 40, "--wardlight", wardlight)
    yield process
    stop(process)


def test_a_killed_application_stays_down_until_it_is_mended(clinic: Clinic) -> None:
    clinic.faults.begin("application-killed", 60)
    assert clinic.app.wait(10) == -9
    assert clinic.start("serve", "--port", clinic.port, "--database-port", clinic.database_port).wait(20) == 75
    clinic.faults.end("application-killed")
    clinic.start_app()


def test_a_stopped_database_leaves_the_application_up_but_the_canary_silent(clinic: Clinic) -> None:
    doctor = clinic.sign_in("doctor")
    clinic.faults.begin("database-stopped", 60)
    assert clinic.database.wait(10) == 75
    assert clinic.status("/healthz") == 200
    assert clinic.status("/canary") == 503
    assert doctor.get("/appointments").status_code == 503
    assert clinic.start("database", "--port", clinic.database_port).wait(20) == 75
    clinic.faults.end("database-stopped")
    clinic.start_database()
    assert eventually(lambda: clinic.status("/canary") == 200)
    assert eventually(lambda: doctor.get("/appointments").status_code == 200)


def test_slow_queries_make_every_feature_slow(clinic: Clinic) -> None:
    desk = clinic.sign_in("front_desk")
    clinic.faults.begin("slow-queries", 60)
    assert desk.get("/appointments").elapsed.total_seconds() > 3
    assert clinic.status("/canary") == 200


def test_an_error_burst_makes_every_feature_fail(clinic: Clinic) -> None:
    desk = clinic.sign_in("front_desk")
    clinic.faults.begin("error-burst", 60)
    assert [desk.get(path).status_code for path in ("/appointments", "/patients")] == [500, 500]
    assert eventually(lambda: len(clinic.listener.find(exception_type="psycopg.errors.UndefinedTable")) == 2)
    assert clinic.metric("app_errors_total", type="psycopg.errors.UndefinedTable") >= 2
    clinic.faults.end("error-burst")
    assert desk.get("/appointments").status_code == 200


def test_staff_at_work_make_records_of_three_kinds(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    for kind in ("application", "security", "audit"):
        assert eventually(lambda kind=kind: len(clinic.listener.find(wardlight_kind=kind)) > 20)


def test_traffic_names_nobody_and_goes_on_without_the_application(
    clinic: Clinic, traffic: subprocess.Popen[bytes]
) -> None:
    assert eventually(lambda: len(clinic.listener.find(event_name="user.login")) > 5)
    stop(clinic.app)
    with pytest.raises(subprocess.TimeoutExpired):
        traffic.wait(1)
    clinic.listener.records.clear()
    clinic.start_app()
    assert eventually(lambda: bool(clinic.listener.find(event_name="record.access")))
    stop(traffic)
    assert traffic.returncode == 0
    said = clinic.said("traffic")
    assert "WC0" not in said
    assert "Traceback" not in said


def test_failed_logins_come_from_one_address(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    clinic.faults.begin("failed-logins", 60)
    assert eventually(lambda: len(clinic.listener.find(client_address="203.0.113.66", event_outcome="failure")) > 2)


def test_a_mass_export_takes_a_thousand_records_in_seconds(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    before = clinic.metric("app_records_exported_total")
    clinic.faults.begin("mass-export", 60)
    assert eventually(lambda: clinic.metric("app_records_exported_total") > before + 900, 30)


def test_somebody_who_guesses_gets_in_after_a_dozen_failures(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    def tried(outcome: str) -> int:
        return len(clinic.listener.find(client_address="198.51.100.23", event_outcome=outcome, event_name="user.login"))

    clinic.faults.begin("passwords-guessed", 60)
    assert eventually(lambda: tried("success") == 1)
    assert tried("failure") >= 12


def test_a_locked_table_keeps_patients_and_the_canary_unread_until_it_is_mended(clinic: Clinic) -> None:
    clinic.faults.begin("records-locked", 60)
    assert eventually(lambda: clinic.status("/canary") == 503)
    assert clinic.status("/healthz") == 200
    clinic.faults.end("records-locked")
    assert eventually(lambda: clinic.status("/canary") == 200)


def test_hidden_records_are_failed_accesses_though_the_canary_is_well(clinic: Clinic) -> None:
    doctor = clinic.sign_in("doctor")
    clinic.faults.begin("records-hidden", 60)
    assert doctor.get("/patients/WC000005").status_code == 404
    assert eventually(
        lambda: bool(clinic.listener.find(health_patient_id="WC000005", event_outcome="failure", health_action="R"))
    )
    assert clinic.status("/canary") == 200
    clinic.faults.end("records-hidden")
    assert doctor.get("/patients/WC000005").status_code == 200


def test_who_tries_charts_is_denied_again_and_again(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    clinic.faults.begin("permission-denials", 60)
    denied = {"event_name": "permission.denied", "client_address": "10.20.0.4"}
    assert eventually(lambda: len(clinic.listener.find(**denied)) > 20)


def test_who_browses_charts_opens_many(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    clinic.faults.begin("chart-browsing", 60)
    opened = {"event_name": "record.access", "client_address": "10.20.2.31"}
    assert eventually(lambda: len(clinic.listener.find(**opened)) > 10)


def test_connections_are_taken_until_it_is_mended(clinic: Clinic) -> None:
    def taken() -> int:
        [(number,)] = clinic.sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        return int(number)

    clinic.faults.begin("connections-taken", 60)
    assert eventually(lambda: taken() > 32)
    clinic.faults.end("connections-taken")
    assert eventually(lambda: taken() < 20)


def test_a_new_administrator_is_told_and_is_none_again_when_it_is_mended(
    clinic: Clinic, traffic: subprocess.Popen[bytes]
) -> None:
    username = clinic.staff("front_desk")
    clinic.faults.begin("new-administrator", 60)
    assert eventually(lambda: bool(clinic.listener.find(event_name="role.granted", role_name="administrator")))
    assert clinic.sql(f"SELECT role FROM staff WHERE username = '{username}'") == [("administrator",)]
    clinic.faults.end("new-administrator")
    assert eventually(lambda: clinic.sql(f"SELECT role FROM staff WHERE username = '{username}'") == [("front_desk",)])


def test_another_version_runs_until_it_is_mended(clinic: Clinic) -> None:
    clinic.faults.begin("new-version", 60)
    assert eventually(lambda: clinic.metric("willow_build_info", version="2.5.0") == 1)
    clinic.faults.end("new-version")
    assert eventually(lambda: clinic.metric("willow_build_info", version="2.4.0") == 1)


def test_the_week_is_over_when_it_is_said(clinic: Clinic) -> None:
    assert clinic.metric("willow_week_over") == 0
    clinic.faults.begin("week-over", 60)
    assert eventually(lambda: clinic.metric("willow_week_over") == 1)


def test_wardlight_is_told_of_a_deployment(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    clinic.faults.begin("deployment", 60)
    assert eventually(lambda: "/api/v1/deployments" in clinic.listener.told)
    assert clinic.listener.told["/api/v1/deployments"]["service"] == "willow-billing"


def burning(data: Path) -> list[psutil.Process]:
    processes = psutil.process_iter(["cmdline"])
    return [
        process for process in processes if ["willow_clinic.burn", str(data)] == (process.info["cmdline"] or [])[2:4]
    ]


def test_the_processor_burns_until_it_is_mended(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    clinic.faults.begin("cpu-burn", 60)
    assert eventually(lambda: len(burning(clinic.data)) == psutil.cpu_count())
    clinic.faults.end("cpu-burn")
    assert eventually(lambda: not burning(clinic.data))


def test_nothing_burns_on_when_the_traffic_is_killed(clinic: Clinic, traffic: subprocess.Popen[bytes]) -> None:
    clinic.faults.begin("cpu-burn", 60)
    assert eventually(lambda: len(burning(clinic.data)) == psutil.cpu_count())
    traffic.kill()
    assert eventually(lambda: not burning(clinic.data))
