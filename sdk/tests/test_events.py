"""What an application says, and what arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import wardlight_sdk as wardlight

from .conftest import Received

Sent = Callable[[], list[Received]]
Count = Callable[..., float]


def test_it_names_service_environment_and_host(sent: Sent) -> None:
    wardlight.feature_use("booking")
    [record] = sent()
    about = {"service.name": "clinic", "deployment.environment": "test", "host.name": "ward-7"}
    assert about.items() <= record.resource.items()


@pytest.mark.parametrize(
    ("say", "kind", "body", "attributes"),
    [
        (
            lambda: wardlight.user_login("u1", role="nurse"), "security", "signed in",
            {"event.name": "user.login", "event.outcome": "success", "user.id": "u1", "user.role": "nurse"},
        ),
        (
            lambda: wardlight.user_login("u1", outcome="failure", reason="wrong password"),
            "security", "sign-in failed: wrong password",
            {"event.name": "user.login", "event.outcome": "failure", "user.id": "u1", "event.reason": "wrong password"},
        ),
        (wardlight.user_logout, "security", "signed out", {"event.name": "user.logout", "event.outcome": "success"}),
        (
            lambda: wardlight.session_start("s1"), "security", "session started",
            {"event.name": "session.start", "session.id": "s1"},
        ),
        (
            lambda: wardlight.session_end("s1", reason="timeout", user="u1"), "security", "session ended: timeout",
            {"event.name": "session.end", "session.id": "s1", "event.reason": "timeout", "user.id": "u1"},
        ),
        (
            lambda: wardlight.feature_use("booking"), "application", "booking used",
            {"event.name": "feature.use", "feature.name": "booking"},
        ),
        (
            lambda: wardlight.permission_denied("invoices.write"), "security", "permission denied: invoices.write",
            {"event.name": "permission.denied", "event.outcome": "failure", "permission.name": "invoices.write"},
        ),
        (
            lambda: wardlight.role_granted("administrator", to="u2"), "security", "role granted: administrator",
            {
                "event.name": "role.granted", "event.outcome": "success", "role.name": "administrator",
                "role.user": "u2",
            },
        ),
        (
            lambda: wardlight.record_access("Observation", "o1", patient="p1", action="U", purpose="ETREAT"),
            "audit", "Observation updated",
            {
                "event.name": "record.access", "event.outcome": "success", "health.action": "U",
                "health.record.type": "Observation", "health.record.id": "o1", "health.patient.id": "p1",
                "health.purpose": "ETREAT",
            },
        ),
        (
            lambda: wardlight.record_export("Patient", ["p1"], purpose="HPAYMT"), "audit", "Patient exported",
            {
                "event.name": "record.export", "event.outcome": "success", "health.action": "R",
                "health.record.type": "Patient", "health.record.id": "p1", "health.patient.id": "p1",
                "health.purpose": "HPAYMT",
            },
        ),
    ],
)  # fmt: skip
def test_an_event_arrives_with_its_kind_and_attributes(
    sent: Sent, say: Callable[[], None], kind: str, body: str, attributes: dict[str, Any]
) -> None:
    before = time.time_ns()
    say()
    [record] = sent()
    assert (record.body, record.attributes) == (body, {**attributes, "wardlight.kind": kind})
    assert before <= record.ts <= time.time_ns()


def test_an_exception_arrives_with_type_message_and_stack(sent: Sent, count: Count) -> None:
    try:
        int("seven")
    except ValueError as error:
        wardlight.exception(error)
    [record] = sent()
    assert record.kind == "error"
    assert record.attributes["exception.type"] == "ValueError"
    assert "'seven'" in record.attributes["exception.message"]
    assert "test_an_exception_arrives" in record.attributes["exception.stacktrace"]
    assert count("app_errors_total", type="ValueError") == 1


def test_an_exception_is_sent_once_however_often_it_is_reported(sent: Sent, count: Count) -> None:
    error = RuntimeError("no")
    for _ in range(3):
        wardlight.exception(error)
    assert len(sent()) == 1
    assert count("app_errors_total", type="RuntimeError") == 1


def test_an_export_is_one_audit_record_for_each_patient(sent: Sent, count: Count) -> None:
    wardlight.record_export("Patient", (f"p{number}" for number in range(30)))
    assert [record.attributes["health.patient.id"] for record in sent()] == [f"p{number}" for number in range(30)]
    assert count("app_records_exported_total", record_type="Patient") == 30


def test_who_is_bound_is_on_every_record(sent: Sent) -> None:
    known = {"user": "u1", "role": "doctor", "session": "s1", "address": "10.0.0.1", "user_agent": "Desk/1"}
    with wardlight.bound(**known):
        wardlight.feature_use("chart")
    [record] = sent()
    assert {
        "user.id": "u1", "user.role": "doctor", "session.id": "s1", "client.address": "10.0.0.1",
        "user_agent.original": "Desk/1",
    }.items() <= record.attributes.items()  # fmt: skip


def test_what_is_bound_inside_is_forgotten_outside(sent: Sent) -> None:
    with wardlight.bound(user="u1"):
        with wardlight.bound(user="u2"):
            wardlight.bind(role="nurse")
            wardlight.feature_use("inside")
        wardlight.feature_use("outside")
    wardlight.feature_use("nobody")
    users = [(record.attributes.get("user.id"), record.attributes.get("user.role")) for record in sent()]
    assert users == [("u2", "nurse"), ("u1", None), (None, None)]


def test_threads_do_not_see_each_others_users(sent: Sent) -> None:
    def work(user: str) -> None:
        wardlight.bind(user=user)
        wardlight.feature_use(user)

    threads = [threading.Thread(target=work, args=(f"u{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(record.attributes["user.id"] == record.attributes["feature.name"] for record in sent())


def test_no_patient_user_session_or_address_is_in_a_metric(registry: CollectorRegistry) -> None:
    with wardlight.bound(user="user-7", session="session-7", address="10.7.7.7"):
        wardlight.user_login("user-7")
        wardlight.session_start("session-7")
        wardlight.record_access("Patient", "record-7", patient="patient-7")
        wardlight.record_export("Patient", ["patient-7"])
        wardlight.exception(KeyError("patient-7"))
    text = generate_latest(registry).decode()
    assert not [secret for secret in ("user-7", "session-7", "10.7.7.7", "record-7", "patient-7") if secret in text]


def test_events_before_setup_do_nothing() -> None:
    wardlight.bind(user="u1")
    wardlight.user_login("u1")
    wardlight.record_access("Patient", "p1", patient="p1")
    wardlight.exception(ValueError())
    assert wardlight.flush()
    wardlight.bind(user="")


def test_a_second_setup_replaces_the_first(registry: CollectorRegistry, sent: Sent, count: Count) -> None:
    wardlight.feature_use("one")
    wardlight.setup("other", endpoint="http://127.0.0.1:9", registry=registry)
    assert count("app_feature_uses_total", feature="one") == 0
