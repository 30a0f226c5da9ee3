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
    process = clinic.start("traffic", "--port", clinic.port, "--rate", 40)
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
