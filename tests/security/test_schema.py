"""Every operation of our OpenAPI document, asked with what the document allows and what it doesn't: no fault of ours."""

from __future__ import annotations

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

EXAMPLES = 8
"""Requests an operation and kind, which make about a minute of it."""
CHECK = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_no_operation_has_a_fault_of_ours(house: TestClient) -> None:
    document = house.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    faults: set[str] = set()

    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @CHECK
            @given(data=st.data())
            def ask(data: st.DataObject, operation: object = operation, mode: GenerationMode = mode) -> None:
                try:
                    case = data.draw(operation.as_strategy(generation_mode=mode))  # type: ignore[attr-defined]
                except Exception:  # noqa: BLE001 -- where nothing wrong can be made, nothing is
                    return
                request = case.as_transport_kwargs(base_url="http://127.0.0.1:8480")
                request.pop("cookies", None)
                request["params"] = request.pop("params", None)
                answer = house.request(**{name: value for name, value in request.items() if value is not None})
                if answer.status_code >= 500 and answer.status_code not in AWAY:
                    faults.add(f"{operation.method.upper()} {operation.path}: {answer.status_code} {answer.text[:80]}")  # type: ignore[attr-defined]

            ask()
    assert sorted(faults) == []


AWAY = (503, 504)
"""What is told when another system isn't there, as none is in this test."""
