"""Windows and deployments on a real state database, with a clock turned by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from wardlight.changes import Deployments, Window, Windows
from wardlight.clock import ManualClock
from wardlight.store.state import State

NOON = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MATCHERS = ("service=billing",)

Logged = list[tuple[str, str, Mapping[str, str]]]


@pytest.fixture
def clock() -> ManualClock:
    """It stands at `NOON`."""
    return ManualClock()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.db")
    yield state
    state.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def logged() -> Logged:
    return []


@pytest.fixture
def windows(state: State, clock: ManualClock) -> Windows:
    return Windows(state, clock)


@pytest.fixture
def deployments(state: State, clock: ManualClock, registry: CollectorRegistry, logged: Logged) -> Deployments:
    return Deployments(state, clock, registry=registry, log=lambda *event: logged.append(event))


def announce(windows: Windows, begins: float = 1, lasts: float = 2, *matchers: str) -> Window:
    """Announce a window by hours from now."""
    now = windows.now()
    return windows.announce(
        "database upgrade",
        matchers or MATCHERS,
        starts=now + begins * HOUR,
        ends=now + (begins + lasts) * HOUR,
        by="ann",
    )
