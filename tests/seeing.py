"""Records of all kinds that tell of a patient in every way there is, for tests of who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conftest import NOW
from wardlight.access.principal import OPEN, Principal
from wardlight.records import SCHEMA, Decoded, stream_of

SECOND = 10**9


class Gate:
    """Says who asks, as the gate does."""

    def __init__(self, app: ASGIApp, asker: Principal = OPEN) -> None:
        self._app = app
        self._asker = asker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["wardlight.principal"] = self._asker
        await self._app(scope, receive, send)


def row(at: int, kind: str, body: str, *, labels: Mapping[str, str], user: str = "", patient: str = "",
        **attributes: str) -> dict[str, Any]:  # fmt: skip
    """Make a record, `at` seconds after NOW."""
    return {
        "ts": NOW + at * SECOND, "kind": kind, "stream": stream_of({"kind": kind, "level": "info", **labels}),
        "body": body, "severity": 9, "trace_id": bytes(16), "span_id": bytes(8), "user_id": user,
        "patient_id": patient, "attributes": list(attributes.items()),
    }  # fmt: skip


def batch_of(rows: list[dict[str, Any]]) -> Decoded:
    """Make a batch of them."""
    return Decoded(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))


def told_of(patient: str, app: str = "one") -> list[dict[str, Any]]:
    """Tell of a patient in every kind, in every place that a record has."""
    labels = {"app": app, "service_name": "portal"}
    return [
        row(1, "application", f"opened chart {patient} in 5ms", labels=labels, user="u1", patient=patient,
            health_record_id=patient, note=f"about {patient}", status="200"),
        row(2, "application", "listed charts", labels=labels, user="u1", health_record_id=patient),
        row(3, "application", '{"took":12,"who":"u2"}', labels=labels, user="u2", patient=patient),
        row(4, "security", "signed in", labels=labels, user=patient, patient=patient, event_name="user.login"),
        row(5, "error", f'level=error patient="{patient}" took=1s', labels=labels, user="u2", patient=patient),
        row(6, "audit", f"u1 read {patient}, Jane Roe", labels=labels, user="u1", patient=patient,
            event_name="record.access", health_action="R", health_record_type="Patient", health_record_id=patient,
            event_outcome="success", client_address="10.0.0.7", reason=f"asked by {patient}"),
        row(7, "audit", "Jane Roe exported", labels={**labels, "subject": patient}, user="u3", patient=patient,
            event_name=f"export.{patient}", guardian="John Roe", ledger_index="7"),
        row(8, "audit", "nobody's", labels=labels, user="u3", event_name="user.login", event_outcome="failure"),
        row(9, "application", "still here, took=3ms", labels={**labels, "patient_id": patient}, user="u1"),
    ]  # fmt: skip
