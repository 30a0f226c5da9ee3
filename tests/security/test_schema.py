"""Every operation of our OpenAPI document, asked with what the document allows and what it doesn't: no fault of ours."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from tests.security.conftest import HERE

EXAMPLES = 6
"""Requests an operation and kind, which make about a minute of it."""
CHECK = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@schemathesis.serializer(
    "application/x-ndjson", "application/x-protobuf", "application/fhir+json", "application/fhir+xml"
)
def as_bytes(_context: object, value: object) -> bytes:
    """Write a body of the forms that schemathesis doesn't know."""
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


def test_no_operation_has_a_fault_of_ours(house: TestClient) -> None:
    schema = schemathesis.openapi.from_dict(house.get("/openapi.json").json())
    faults, statuses = set[str](), set[int]()
    for result in schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            faults |= asked(house, result.ok(), mode, statuses)
    assert sorted(faults) == []
    assert {200, 400, 404, 422} <= statuses


def asked(house: TestClient, operation: Any, mode: GenerationMode, statuses: set[int]) -> set[str]:
    """Ask an operation in one way; return the faults."""
    faults: set[str] = set()

    @CHECK
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        request = case.as_transport_kwargs(base_url=HERE)
        if isinstance(request.get("data"), bytes):
            request["content"] = request.pop("data")
        answer = house.request(**{name: value for name, value in request.items() if value and name != "cookies"})
        statuses.add(answer.status_code)
        if answer.status_code >= 500 and answer.status_code not in AWAY:
            faults.add(f"{operation.method.upper()} {operation.path}: {answer.status_code} {answer.text[:80]}")

    with suppress(Unsatisfiable):  # as where nothing wrong can be asked of it
        ask()
    return faults


AWAY = (503, 504)
"""What is told when another system isn't there, as none is in this test."""
