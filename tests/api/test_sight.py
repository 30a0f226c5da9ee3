"""Every question of Loki's API, asked by everybody: who sees no patients is shown none, and who doesn't see a kind sees nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from tests.conftest import NOW
from tests.seeing import SECOND, Gate, batch_of, row, told_of

from wardlight.access.principal import Principal
from wardlight.access.roles import RIGHTS, SIGHTS, Role
from wardlight.api import loki
from wardlight.clock import ManualClock
from wardlight.config import Query
from wardlight.protect.keys import Keys
from wardlight.query import QueryService, Reader
from wardlight.records import KINDS
from wardlight.store.embedded import EmbeddedStore

KEYS = Keys.new()
PATIENTS = ("MRN-0047-11", "943 476 5919")
NAMES = ("Jane Roe", "John Roe")
END = NOW + 60 * SECOND
SPAN = {"start": str(NOW), "end": str(END)}
_ALL = '{app="one"}'
_FAULTY = f'{{a=~"{PATIENTS[0]}("}}'

ASKED: dict[str, list[dict[str, str]]] = {
    "/query_range": [
        {"query": _ALL}, {"query": f"{_ALL} | logfmt"}, {"query": f"{_ALL} | json | line_format `{{{{.health_record_id}}}}`"},
        {"query": f"sum by (health_patient_id, user_id, note) (count_over_time({_ALL}[60s]))", "step": "60"},
        {"query": f"bytes_over_time({_ALL}[60s])", "step": "60"}, {"query": f'{_ALL} |~ "{PATIENTS[0]}("'},
        {"query": f'{_ALL} | health_patient_id="{PATIENTS[0]}"'}, {"query": f'{_ALL} |= "{PATIENTS[0]}"'},
        {"query": f"sum_over_time({_ALL} | unwrap health_patient_id [60s])", "step": "60"},
    ],
    "/query": [{"query": f"sum by (health_record_id) (count_over_time({_ALL}[60s]))", "time": str(END)}],
    "/labels": [{}],
    "/label": [{}],
    "/label/{name}/values": [{"name": name} for name in ("subject", "patient_id", "kind", "app", "marker")],
    "/series": [{}, {"match[]": _ALL}],
    "/detected_labels": [{"query": _ALL}],
    "/detected_fields": [{"query": _ALL}, {"query": f"{_ALL} | logfmt"}],
    "/detected_field/{name}/values": [
        {"query": _ALL, "name": name} for name in ("health_patient_id", "health_record_id", "user_id", "note", "patient", "reason")
    ],
    "/index/stats": [{"query": _ALL}],
    "/index/volume": [{"query": _ALL}, {"query": _ALL, "targetLabels": "subject,kind"}],
    "/index/volume_range": [{"query": _ALL, "step": "60"}],
    "/patterns": [{"query": _ALL, "step": "60"}],
}  # fmt: skip
"""Each route that answers of logs, and what it is asked."""
OF_NO_LOGS = {"/status/buildinfo", "/drilldown-limits", "/format_query"}


@dataclass
class Asking:
    """Somebody, and the API."""

    role: Role
    service: QueryService

    def client(self) -> TestClient:
        app = FastAPI()
        app.include_router(loki.router(self.service))
        asker = Principal(
            name="somebody", rights=RIGHTS[self.role], sight=SIGHTS[self.role], roles=(self.role,), way="session"
        )
        return TestClient(Gate(app, asker))

    def answers(self) -> Iterator[tuple[str, str]]:
        """Ask everything; give each question and the bytes of its answer, as text."""
        client = self.client()
        for path, questions in ASKED.items():
            for question in questions:
                name = question.get("name", "")
                answer = client.get(
                    "/loki/api/v1" + path.replace("{name}", name), params={**SPAN, "limit": "1000", **question}
                )
                yield f"{path} {question}", answer.text
        yield "/tail", self.tailed()

    def tailed(self) -> str:
        """Follow from the beginning; what comes first."""
        address = f"/loki/api/v1/tail?query={_ALL}&start={NOW}&limit=1000"
        with suppress(CancelledError), self.client().websocket_connect(address) as socket:
            told: str = socket.receive_text()
        return told


@pytest.fixture(scope="module")
def looks() -> list[str]:
    return []


@pytest.fixture(scope="module")
def service(module_store: EmbeddedStore, looks: list[str]) -> QueryService:
    for patient in PATIENTS:
        module_store.insert([batch_of(told_of(patient))])
    marked = [
        row(20 + at, kind, f"marker-{kind}", labels={"app": "one", "marker": f"label-{kind}", f"only_{kind}": "x"},
            **{f"field_{kind}": f"value-{kind}"})
        for at, kind in enumerate(KINDS)
    ]  # fmt: skip
    module_store.insert([batch_of(marked)])

    def look(reader: Reader, query: str) -> None:
        looks.append(f"{reader.name} {query}")

    return QueryService(module_store, Query(), ManualClock(END), lambda: KEYS, look)


def test_every_route_is_asked(service: QueryService) -> None:
    routes = FastAPI()
    routes.include_router(loki.router(service))
    paths = {path.removeprefix("/loki/api/v1") for path in routes.openapi()["paths"] if path.startswith("/loki/api/v1")}
    assert paths == ASKED.keys() | OF_NO_LOGS


@pytest.fixture(scope="module", params=Role)
def told(request: pytest.FixtureRequest, service: QueryService) -> tuple[Role, dict[str, str]]:
    """Somebody, and all that they are told."""
    return request.param, dict(Asking(request.param, service).answers())


def test_patients_are_shown_to_those_who_see_them_only(told: tuple[Role, dict[str, str]]) -> None:
    role, answers = told
    if SIGHTS[role].masked:
        for asked, answer in answers.items():
            assert not [each for each in (*PATIENTS, *NAMES) if each in answer], asked
    else:
        assert all(each in "".join(answers.values()) for each in (*PATIENTS, *NAMES))
        assert PATIENTS[0] in answers["/tail"]
        assert "pseudo:" not in "".join(answers.values())


def test_who_does_not_see_a_kind_sees_nothing_of_it(told: tuple[Role, dict[str, str]]) -> None:
    role, answers = told
    everything = "".join(answers.values())
    for kind in KINDS:
        words = ("label", "only", "field", "marker", "value")
        if kind in SIGHTS[role].kinds:
            assert f'"{kind}"' in everything
        else:
            assert not [word for word in words if f"{word}-{kind}" in everything or f"{word}_{kind}" in everything]
            assert f'"{kind}"' not in everything


def test_sizes_are_of_what_is_shown(service: QueryService) -> None:
    bodies = [each["body"] for patient in PATIENTS for each in told_of(patient)] + [f"marker-{kind}" for kind in KINDS]
    stats = (
        Asking(Role.AUDITOR, service).client().get("/loki/api/v1/index/stats", params={"query": _ALL, **SPAN}).json()
    )
    assert stats["bytes"] == sum(map(len, bodies))
    seen = (
        Asking(Role.ADMINISTRATOR, service)
        .client()
        .get("/loki/api/v1/index/stats", params={"query": _ALL, **SPAN})
        .json()
    )
    assert (seen["entries"], seen["bytes"] != stats["bytes"]) == (stats["entries"], True)


def test_masked_looks_at_the_audit_trail_are_noted_too(service: QueryService, looks: list[str]) -> None:
    looks.clear()
    client = Asking(Role.ADMINISTRATOR, service).client()
    client.get("/loki/api/v1/query_range", params={"query": '{kind="audit"}', **SPAN})
    client.get("/loki/api/v1/query_range", params={"query": '{kind="application"}', **SPAN})
    assert looks == ['somebody {kind="audit"}']


def test_a_fault_in_a_tail_is_told_without_what_was_asked(service: QueryService) -> None:
    client = Asking(Role.SUPPORT, service).client()
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect(f"/loki/api/v1/tail?query={_FAULTY}"),
    ):
        pass
    assert "parse error" in refused.value.text
    assert PATIENTS[0] not in refused.value.text


def test_a_fault_in_a_format_is_told_without_what_was_asked(service: QueryService) -> None:
    client = Asking(Role.SUPPORT, service).client()
    answer = client.get("/loki/api/v1/format_query", params={"query": _FAULTY})
    assert answer.status_code == 400
    assert PATIENTS[0] not in answer.text
