"""A console on a real state database and log store; Prometheus is where a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from tests.seeing import Gate

from wardlight.clock import ManualClock, moment
from wardlight.console import Overview, router
from wardlight.console.overview import FRESH_SECONDS
from wardlight.incidents import Alert, Incidents, Notice
from wardlight.protect.keys import Keys
from wardlight.store import LogStore
from wardlight.store.state import State

NOWHERE = "http://127.0.0.1:9"
"""The discard port: nobody answers."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def incidents(tmp_path: Path, clock: ManualClock) -> Iterator[Incidents]:
    state = State(tmp_path / "state.db")
    yield Incidents(state, clock)
    state.close()


@pytest.fixture
async def overview(incidents: Incidents, store: LogStore, clock: ManualClock) -> AsyncIterator[Overview]:
    overview = Overview(NOWHERE, incidents, store, Keys.new, clock)
    yield overview
    await overview.aclose()


@pytest.fixture
async def browser(overview: Overview) -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    app.state.stopping = lambda: True  # streams end after what they tell first
    app.include_router(router(overview))
    async with AsyncClient(transport=ASGITransport(Gate(app)), base_url="http://wardlight.test") as browser:
        yield browser


@pytest.fixture
def later(clock: ManualClock) -> Callable[[], None]:
    """Let the last snapshot grow old."""
    return lambda: clock.advance(FRESH_SECONDS)


@pytest.fixture
def fire(incidents: Incidents, clock: ManualClock) -> Callable[..., None]:
    """Tell of an alert by its labels; it began five minutes ago."""

    def tell(summary: str = "it is away", **labels: str) -> None:
        started = moment(clock.now_ns()) - timedelta(minutes=5)
        told = Alert(fingerprint="a", labels=labels, annotations={"summary": summary}, started=started, ended=None)
        incidents.receive(Notice(group_key=str(labels), firing=True, alerts=(told,)))

    return tell
