"""Pages on a real log store, asked by whoever a test says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.conftest import NOW, batch

from wardlight.access.principal import ASKING, OPEN, Principal
from wardlight.access.roles import RIGHTS, SIGHTS, Role
from wardlight.clock import ManualClock
from wardlight.config import Query
from wardlight.problems import Problem
from wardlight.protect.keys import Keys
from wardlight.query import QueryService
from wardlight.records import SCHEMA, Decoded
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.state import State

SECOND = 1_000_000_000
HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> {{ 7*7 }} \x1b[31m \u202egnp.exe"


class _Gate:
    """Says who asks, as the gate does."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["wardlight.principal"] = self._pages.asker
        ASKING.set(self._pages.asker)
        await self._app(scope, receive, send)


@dataclass
class Pages:
    """A console, and who asks it."""

    store: EmbeddedStore
    state: State
    clock: ManualClock
    queries: QueryService
    looks: list[tuple[str, str]]
    app: FastAPI = field(default_factory=FastAPI)
    asker: Principal = OPEN

    def __post_init__(self) -> None:
        self.app.state.stopping = lambda: True  # streams end after what they tell first
        self.app.add_middleware(_Gate, pages=self)
        self.app.add_exception_handler(Problem, _told)
        self.client = TestClient(self.app, base_url="http://wardlight.test", follow_redirects=False)

    def serve(self, *routers: APIRouter) -> Pages:
        for router in routers:
            self.app.include_router(router)
        return self

    def as_role(self, role: Role, name: str = "ann") -> None:
        self.asker = replace(OPEN, name=name, rights=RIGHTS[role], sight=SIGHTS[role], roles=(role,), way="session")

    def get(self, path: str, status: int = 200, **parameters: str | int) -> str:
        answer = self.client.get(path, params=parameters or None)
        assert answer.status_code == status, answer.text
        return answer.text

    def add(
        self, *bodies: str, kind: str = "application", ago: float = 60, step: int = 1_000_000, **attributes: str
    ) -> None:
        """Keep lines, the last of them `ago` seconds ago and `step` nanoseconds apart."""
        user, patient = attributes.pop("user_id", ""), attributes.pop("health_patient_id", "")
        level = attributes.pop("level", "error" if kind == "error" else "info")
        service = attributes.pop("service_name", "clinic")
        trace = bytes.fromhex(attributes.pop("trace_id", "00" * 16))
        first = NOW - int(ago * SECOND) - (len(bodies) - 1) * step
        rows = batch(*bodies, kind=kind, ts=first, step=step, service_name=service, kind_=kind, level=level).to_pylist()
        for row in rows:
            row["stream"] = row["stream"].replace('"kind_"', '"kind"')
            row |= {"user_id": user, "patient_id": patient, "trace_id": trace, "attributes": list(attributes.items())}
        self.store.insert([Decoded(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))])


@contextmanager
def pages(store: EmbeddedStore, directory: Path) -> Iterator[Pages]:
    clock, state, keys = ManualClock(NOW), State(directory / "state.db"), Keys.new()
    looks: list[tuple[str, str]] = []
    queries = QueryService(
        store, Query(), clock, lambda: keys, lambda reader, query: looks.append((reader.name, query))
    )
    yield Pages(store, state, clock, queries, looks)
    state.close()


def text_of(source: str) -> str:
    """What a reader sees of a page, without its tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", source)))


def links(source: str, contains: str = "") -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]*)"', source) if contains in html.unescape(link)]


async def _told(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, error.status if isinstance(error, Problem) else 500)
