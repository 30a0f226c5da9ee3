"""What happens in an application, one function an event. Before `setup` they do nothing; they never wait or raise.

| function | `event.name` | kind |
|---|---|---|
| `user_login`, `user_logout` | `user.login`, `user.logout` | security |
| `session_start`, `session_end` | `session.start`, `session.end` | security |
| `permission_denied` | `permission.denied` | security |
| `role_granted` | `role.granted` | security |
| `feature_use` | `feature.use` | application |
| `record_access` | `record.access` | audit |
| `record_export` | `record.export`, one for each patient | audit |
| `exception` | | error |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from opentelemetry._logs import SeverityNumber

from wardlight_sdk.context import Who, someone, who
from wardlight_sdk.process import client

Action = Literal["C", "R", "U", "D", "E"]
"""Create, read, update, delete, execute: FHIR's AuditEvent.action."""
Outcome = Literal["success", "failure"]


def bind(*, user: str = "", role: str = "", session: str = "", address: str = "", user_agent: str = "") -> None:
    """Say who is at work: every record of this request carries it from now on. Empty means: as before."""
    now = who()
    now.user, now.role, now.session = user or now.user, role or now.role, session or now.session
    now.address, now.user_agent = address or now.address, user_agent or now.user_agent
    _seen(now)


@contextmanager
def bound(**known: str) -> Iterator[Who]:
    """Work on somebody's behalf meanwhile; takes what `bind` takes.

    >>> with bound(user="u17", role="nurse") as who:
    ...     who.attributes()
    {'user.id': 'u17', 'user.role': 'nurse'}
    """
    with someone(**known) as now:
        _seen(now)
        yield now


def user_login(user: str, *, role: str = "", outcome: Outcome = "success", reason: str = "") -> None:
    """Say that somebody signed in or tried to; `reason` tells why it failed."""
    if found := client():
        found.count(found.metrics.logins, outcome)
        failed = outcome == "failure"
        found.send(
            "security",
            f"sign-in failed: {reason or 'refused'}" if failed else "signed in",
            {"event.name": "user.login", "event.outcome": outcome, "event.reason": reason}
            | _given({"user.id": user, "user.role": role}),
            severity=SeverityNumber.WARN if failed else SeverityNumber.INFO,
        )


def user_logout() -> None:
    """Say that the one at work signed out."""
    if found := client():
        found.send("security", "signed out", {"event.name": "user.logout", "event.outcome": "success"})


def session_start(session: str) -> None:
    """Say that a session began; `session` names it and must not be its secret."""
    if found := client():
        found.metrics.sessions.see(session)
        found.send("security", "session started", {"event.name": "session.start", "session.id": session})


def session_end(session: str, *, reason: str = "logout", user: str = "") -> None:
    """Say that a session ended: by `logout`, `timeout` (automatic log-off) or `revoked`."""
    if found := client():
        found.metrics.sessions.drop(session)
        found.send(
            "security",
            f"session ended: {reason}",
            {"event.name": "session.end", "session.id": session, "event.reason": reason} | _given({"user.id": user}),
        )


def feature_use(feature: str) -> None:
    """Say that a feature was used; its name is one of a short, fixed list, as it labels a metric."""
    if found := client():
        found.count(found.metrics.features, feature)
        found.send("application", f"{feature} used", {"event.name": "feature.use", "feature.name": feature})


def record_access(
    record_type: str,
    record: str,
    *,
    patient: str,
    action: Action = "R",
    purpose: str = "TREAT",
    outcome: Outcome = "success",
) -> None:
    """Say that a record was opened or changed; this is the audit trail.

    `record_type` is a FHIR resource type (`Patient`, `MedicationRequest`), `record` and `patient` are identifiers,
    `purpose` is a purpose of use by HL7's code.
    """
    if found := client():
        found.count(found.metrics.accesses, record_type, action, outcome)
        found.send(
            "audit",
            f"{record_type} {_VERBS[action]}" + (" (refused)" if outcome == "failure" else ""),
            {"event.name": "record.access", "event.outcome": outcome, "health.action": action}
            | _record(record_type, record, patient, purpose),
        )


def record_export(record_type: str, patients: Iterable[str], *, purpose: str = "HOPERAT") -> None:
    """Say that records left the application: an audit record for each patient, as disclosures are accounted for."""
    if found := client():
        for patient in patients:
            found.count(found.metrics.exported, record_type)
            found.send(
                "audit",
                f"{record_type} exported",
                {"event.name": "record.export", "event.outcome": "success", "health.action": "R"}
                | _record(record_type, patient if record_type == "Patient" else "", patient, purpose),
            )


def permission_denied(permission: str) -> None:
    """Say that the one at work tried what their role may not."""
    if found := client():
        found.send(
            "security",
            f"permission denied: {permission}",
            {"event.name": "permission.denied", "event.outcome": "failure", "permission.name": permission},
            severity=SeverityNumber.WARN,
        )


def role_granted(role: str, *, to: str) -> None:
    """Say that the one at work gave somebody a role."""
    if found := client():
        found.send(
            "security",
            f"role granted: {role}",
            {"event.name": "role.granted", "event.outcome": "success", "role.name": role, "role.user": to},
        )


def exception(error: BaseException, message: str = "") -> None:
    """Report an exception; the same one is sent once, however often it is reported or logged on its way up."""
    if found := client():
        found.report(error, message)


_VERBS = {"C": "created", "R": "read", "U": "updated", "D": "deleted", "E": "executed"}


def _record(record_type: str, record: str, patient: str, purpose: str) -> dict[str, object]:
    return {
        "health.record.type": record_type,
        "health.record.id": record,
        "health.patient.id": patient,
        "health.purpose": purpose,
    }


def _given(attributes: dict[str, object]) -> dict[str, object]:
    """Leave out what is empty, so that it doesn't hide what is bound."""
    return {name: value for name, value in attributes.items() if value}


def _seen(now: Who) -> None:
    if found := client():
        if now.user:
            found.metrics.users.see(now.user)
        if now.session:
            found.metrics.sessions.see(now.session)
