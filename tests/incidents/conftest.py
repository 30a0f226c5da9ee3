from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.incidents.manager import Manager, listening

from wardlight.clock import ManualClock
from wardlight.incidents import Incidents
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.history import History
from wardlight.incidents.watch import Watch
from wardlight.store.state import State


@pytest.fixture
def clock() -> ManualClock:
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
def incidents(state: State, clock: ManualClock, registry: CollectorRegistry) -> Incidents:
    return Incidents(state, clock, registry)


@pytest.fixture
def manager() -> Iterator[Manager]:
    with listening() as manager:
        yield manager


@pytest.fixture
def alertmanager(manager: Manager) -> Iterator[Alertmanager]:
    alertmanager = Alertmanager(manager.url)
    yield alertmanager
    alertmanager.close()


@pytest.fixture
def history(state: State, incidents: Incidents) -> History:
    return History(state)


@pytest.fixture
def watch(
    alertmanager: Alertmanager, incidents: Incidents, history: History, clock: ManualClock, registry: CollectorRegistry
) -> Watch:
    return Watch(alertmanager, incidents, history, clock, registry)
