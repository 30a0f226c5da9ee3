"""A whole house: open, for what content does; and closed, for who gets in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from wardlight.config import Receive, Settings
from wardlight.server import create_app

HERE = "http://127.0.0.1:8480"
LIMIT = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An open house, shared by a module's tests."""
    settings = Settings(receive=Receive(max_body_bytes=LIMIT))
    app = create_app(settings, tmp_path_factory.mktemp("house") / "data", open_=True)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client
