from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wardlight.clock import ManualClock
from wardlight.incidents import Incidents
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
def incidents(state: State, clock: ManualClock) -> Incidents:
    return Incidents(state, clock)
