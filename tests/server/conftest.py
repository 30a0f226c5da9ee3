"""A running server, whole, on a data directory of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from wardlight.clock import ManualClock
from wardlight.config import Settings
from wardlight.server import create_app

HERE = "http://127.0.0.1:8480"
"""Where browsers find it."""

Start = Callable[[Settings], TestClient]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def start(tmp_path: Path, clock: ManualClock) -> Iterator[Start]:
    """Start a server with settings; what runs before is stopped, its data stays."""
    with ExitStack() as running:

        def begin(settings: Settings) -> TestClient:
            running.close()
            return running.enter_context(
                TestClient(create_app(settings, tmp_path / "data", clock, open_=True), base_url=HERE)
            )

        yield begin


@pytest.fixture
def server(start: Start) -> TestClient:
    return start(Settings())
