"""An audit trail to ask: engine, ledger, projection, and the routes on them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from tests.gate import gated
from tests.ledger.conftest import Unsynced
from tests.trailing import protector

from wardlight.api import audit, fhir
from wardlight.audit.event import AuditEvent, Entry
from wardlight.audit.looks import Looks
from wardlight.audit.projection import Pace, Projection
from wardlight.audit.question import Question, exactly
from wardlight.audit.search import Search
from wardlight.audit.trail import Trail
from wardlight.clock import ManualClock
from wardlight.config import Query, Receive
from wardlight.ledger import Ledger
from wardlight.ledger.log import Pace as Quick
from wardlight.problems import Problem
from wardlight.store import LogStore

NOW = 1_767_225_600 * 10**9
"""1 January 2026."""


class House:
    """The parts, and a client."""

    def __init__(self, store: LogStore, ledger: Ledger, query: Query) -> None:
        self.ledger = ledger
        self.store = store
        registry = CollectorRegistry()
        self.projection = Projection(ledger, store, registry, pace=Pace(flush_seconds=0.02, settle_seconds=0.0))
        self.clock = ManualClock(NOW)
        self.trail = Trail(ledger, store, registry)
        self.looks = Looks(self.trail, self.clock)
        self.search = Search(store, query, self.projection.settle)
        self.app = gated(FastAPI())
        self.app.add_exception_handler(Problem, _told)
        self.app.include_router(
            fhir.router(self.trail, protector(registry), self.search, self.looks, settings=Receive(), clock=self.clock)
        )
        self.app.include_router(audit.router(self.search, ledger, self.looks, self.clock))
        self.client = TestClient(self.app, client=("127.0.0.1", 50000))

    def looked(self) -> list[tuple[str, str, str]]:
        """List who looked at the trail, for what and from where, the last first."""
        found = [entry.event for _, entry in self.search.page(Question(type=exactly("110101"), limit=500)).entries]
        return [
            (
                str(each.agent[0].who.identifier.value),
                base64.b64decode(each.entity[0].query).decode(),
                each.agent[0].network,
            )  # type: ignore[union-attr]
            for each in found
        ]

    def add(self, *events: AuditEvent, **fields: Any) -> range:
        """Keep events of our own."""
        entries = [Entry(received=NOW, format="own", event=event, **fields) for event in events]
        return self.trail.submit(entries).done.result()

    def get(self, path: str, **parameters: Any) -> Any:
        """Ask, and read the JSON of a 200."""
        answer = self.client.get(path, params=parameters or None)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def house(store: LogStore, home: Path, query: Query = Query()) -> Iterator[House]:
    """Put one together on an empty store."""
    store.manage("TRUNCATE TABLE logs")
    store.manage("TRUNCATE TABLE audit")
    with ExitStack() as stack:
        pace = Quick(publish_seconds=0.0, retry_seconds=0.01)
        ledger = Ledger(home / "ledger" / "log", "trail.test", ManualClock(NOW), disk=Unsynced(), pace=pace)
        stack.callback(ledger.close)
        made = House(store, ledger, query)
        stack.callback(made.projection.close)
        made.projection.start()
        yield made


async def _told(_request: object, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return JSONResponse({"error": str(error)}, error.status)
