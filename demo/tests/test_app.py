"""The application: what people do with it, and what Wardlight is told of it."""

from __future__ import annotations

import pytest

from .conftest import Clinic, eventually

pytestmark = pytest.mark.stack


def told(clinic: Clinic, **wanted: str) -> dict[str, str]:
    """Wait for a record."""
    assert eventually(lambda: bool(clinic.listener.find(**wanted)))
    return clinic.listener.find(**wanted)[0]


def test_somebody_who_signs_in_has_a_session(clinic: Clinic) -> None:
    clinic.sign_in("doctor").get("/appointments").raise_for_status()
    login = told(clinic, event_name="user.login", event_outcome="success")
    assert (login["wardlight.kind"], login["user.id"], login["user.role"]) == (
        "security", clinic.staff("doctor"), "doctor",
    )  # fmt: skip
    assert told(clinic, event_name="session.start")["session.id"] == login["session.id"]


@pytest.mark.parametrize(("known", "reason"), [(True, "wrong password"), (False, "unknown name")])
def test_a_failed_attempt_is_told_but_no_name_that_nobody_has(clinic: Clinic, known: bool, reason: str) -> None:
    name = clinic.staff("nurse") if known else "hunter2"
    assert clinic.http.post("/session", json={"username": name, "password": "x"}).status_code == 401
    failure = told(clinic, event_name="user.login", event_outcome="failure")
    assert failure["event.reason"] == reason
    assert failure.get("user.id") == (name if known else None)


def test_after_signing_out_the_session_is_worth_nothing(clinic: Clinic) -> None:
    nurse = clinic.sign_in("nurse")
    assert nurse.delete("/session").status_code == 204
    assert nurse.get("/appointments").status_code == 401
    assert told(clinic, event_name="session.end")["event.reason"] == "logout"


def test_an_idle_session_is_worth_nothing(clinic: Clinic) -> None:
    nurse = clinic.sign_in("nurse")
    clinic.sql("UPDATE sessions SET seen_at = now() - interval '16 minutes'")
    assert nurse.get("/appointments").status_code == 401


def test_without_a_session_nothing_is_shown(clinic: Clinic) -> None:
    for path in ("/patients", "/patients/WC000001", "/patients/export", "/appointments", "/invoices", "/staff"):
        assert clinic.http.get(path).status_code == 401


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("doctor", "GET", "/patients/WC000001", 200),
        ("nurse", "GET", "/patients/WC000001", 200),
        ("front_desk", "GET", "/patients/WC000001", 403),
        ("administrator", "GET", "/patients/WC000001", 403),
        ("nurse", "POST", "/patients/WC000001/prescriptions", 403),
        ("front_desk", "GET", "/invoices", 403),
        ("billing", "GET", "/invoices", 200),
        ("doctor", "GET", "/patients/export", 403),
        ("administrator", "GET", "/staff", 200),
    ],
)
def test_a_role_may_do_what_is_its_own(clinic: Clinic, role: str, method: str, path: str, status: int) -> None:
    body = {"medicine": "ibuprofen", "dose": "once a day"} if method == "POST" else None
    assert clinic.sign_in(role).request(method, path, json=body).status_code == status


def test_a_denied_permission_is_told(clinic: Clinic) -> None:
    clinic.sign_in("front_desk").get("/patients/WC000001")
    denied = told(clinic, event_name="permission.denied")
    assert (denied["permission.name"], denied["user.id"]) == ("chart.read", clinic.staff("front_desk"))


def test_opening_a_chart_is_an_audit_record(clinic: Clinic) -> None:
    chart = clinic.sign_in("doctor").get("/patients/WC000003", params={"purpose": "ETREAT"}).json()
    assert chart["mrn"] == "WC000003"
    access = told(clinic, event_name="record.access")
    assert {
        "wardlight.kind": "audit", "health.record.type": "Patient", "health.patient.id": "WC000003",
        "health.action": "R", "health.purpose": "ETREAT", "event.outcome": "success",
        "user.id": clinic.staff("doctor"), "user.role": "doctor", "client.address": "127.0.0.1",
    }.items() <= access.items()  # fmt: skip


def test_looking_for_a_chart_that_is_not_there_is_told_too(clinic: Clinic) -> None:
    assert clinic.sign_in("doctor").get("/patients/WC999999").status_code == 404
    assert told(clinic, event_name="record.access")["event.outcome"] == "failure"


def test_a_prescription_is_in_the_chart(clinic: Clinic) -> None:
    doctor = clinic.sign_in("doctor")
    medicine = {"medicine": "metformin", "dose": "with breakfast"}
    assert doctor.post("/patients/WC000004/prescriptions", json=medicine).status_code == 201
    assert medicine.items() <= doctor.get("/patients/WC000004").json()["prescriptions"][0].items()
    assert told(clinic, health_record_type="MedicationRequest")["health.action"] == "C"


def test_an_appointment_goes_from_booked_to_completed(clinic: Clinic) -> None:
    desk, doctor = clinic.sign_in("front_desk"), clinic.sign_in("doctor")
    [patient, *_] = desk.get("/patients", params={"family": "A"}).json()
    wanted = {"mrn": patient["mrn"], "doctor": clinic.staff("doctor"), "reason": "check-up"}
    booked = desk.post("/appointments", json={**wanted, "starts_at": "2035-01-01T09:00:00Z"}).json()
    for client, status in ((desk, "arrived"), (doctor, "completed")):
        answer = client.patch(f"/appointments/{booked['id']}", json={"status": status})
        assert answer.json() == {"status": status}


def test_an_invoice_is_paid_once(clinic: Clinic) -> None:
    billing = clinic.sign_in("billing")
    invoice = billing.post("/invoices", json={"mrn": "WC000005", "cents": 4200}).json()
    assert billing.post(f"/invoices/{invoice['id']}/payment").status_code == 200
    assert billing.post(f"/invoices/{invoice['id']}/payment").status_code == 409


def test_an_export_is_an_audit_record_for_each_patient(clinic: Clinic) -> None:
    exported = clinic.sign_in("administrator").get("/patients/export", params={"limit": 40}).json()
    assert eventually(lambda: len(clinic.listener.find(event_name="record.export")) == 40)
    named = {record["health.patient.id"] for record in clinic.listener.find(event_name="record.export")}
    assert named == {patient["mrn"] for patient in exported}


def test_the_address_before_a_proxy_is_the_one_that_is_told(clinic: Clinic) -> None:
    nurse = clinic.sign_in("nurse")
    nurse.get("/patients/WC000006", headers={"X-Forwarded-For": "10.20.1.7", "User-Agent": "Desk/2"})
    access = told(clinic, health_patient_id="WC000006")
    assert (access["client.address"], access["user_agent.original"]) == ("10.20.1.7", "Desk/2")


def test_metrics_name_the_route_and_never_the_patient(clinic: Clinic) -> None:
    clinic.sign_in("doctor").get("/patients/WC000007")
    assert clinic.metric("http_server_request_duration_seconds_count", http_route="/patients/{mrn}") > 0
    assert "WC000007" not in clinic.http.get("/metrics").text


def test_no_log_line_names_a_patient(clinic: Clinic) -> None:
    clinic.sign_in("doctor").get("/patients/WC000008")
    told(clinic, health_patient_id="WC000008")
    assert not [body for body, _ in clinic.listener.records if "WC0" in body]


@pytest.mark.parametrize("path", ["/healthz", "/canary", "/metrics"])
def test_probes_are_answered_without_a_session(clinic: Clinic, path: str) -> None:
    assert clinic.http.get(path).status_code == 200
