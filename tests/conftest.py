"""Fixtures for all rooms. The embedded engine opens one directory a process at a time: one store serves all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings

from wardlight.records import SCHEMA, Decoded, stream_of
from wardlight.store.embedded import EmbeddedStore

settings.register_profile(
    "house", derandomize=True, deadline=None, max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("house")

NOW = 1_767_225_600_000_000_000


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A store that the tests of one module share."""
    store = EmbeddedStore(tmp_path_factory.mktemp("store"))
    yield store
    store.close()


@pytest.fixture
def store(module_store: EmbeddedStore) -> EmbeddedStore:
    """An empty store."""
    for table in ("logs", "audit"):
        module_store.manage(f"TRUNCATE TABLE {table}")
    return module_store


def batch(*lines: str, kind: str = "application", ts: int = NOW, step: int = 1, **labels: str) -> Decoded:
    """Make a batch of lines."""
    rows = [
        {
            "ts": ts + at * step, "kind": kind, "stream": stream_of(labels or {"app": "test"}), "body": line,
            "severity": 0, "trace_id": bytes(16), "span_id": bytes(8), "user_id": "", "patient_id": "",
            "attributes": [],
        }
        for at, line in enumerate(lines)
    ]  # fmt: skip
    return Decoded(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data directory."""
    return tmp_path / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `script/test --kills 100` try harder."""
    parser.addoption("--kills", default="3", help="how often the fault tests kill a process under load")
