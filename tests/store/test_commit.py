"""Group commit: gathered, durable, bounded, and no batch fails for its neighbour."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.conftest import batch

from wardlight.problems import BadInput, Busy, Problem, Unavailable
from wardlight.records import Decoded
from wardlight.store.commit import Commit, GroupCommit
from wardlight.store.embedded import EmbeddedStore


class Gate:
    """The real store behind a gate, so that a test decides when an insert may go on and which one fails."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.open = threading.Event()
        self.entered = threading.Event()
        self.poison: Exception | None = None
        self.sizes: list[int] = []

    def insert(self, rows: Decoded) -> None:
        self.entered.set()
        assert self.open.wait(10)
        self.sizes.append(rows.num_rows)
        if self.poison and "poison" in rows["body"].to_pylist():
            raise self.poison
        self.store.insert(rows)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


@pytest.fixture
def gate(store: EmbeddedStore) -> Gate:
    return Gate(store)


@contextmanager
def group_commit(gate: Gate, **options: object) -> Iterator[GroupCommit]:
    commits = GroupCommit(gate, **options)  # type: ignore[arg-type]
    yield commits
    gate.open.set()
    commits.close()


def count(store: EmbeddedStore) -> int:
    return int(store.select("SELECT count() AS n FROM logs").to_pylist()[0]["n"])


def test_a_batch_is_there_when_its_future_is_done(gate: Gate) -> None:
    gate.open.set()
    with group_commit(gate) as commits:
        commits.submit(batch("a")).result(10)
        assert count(gate.store) == 1


def test_batches_that_wait_are_written_together(gate: Gate) -> None:
    with group_commit(gate) as commits:
        first = commits.submit(batch("first"))
        assert gate.entered.wait(10)
        rest = [commits.submit(batch(f"line {n}")) for n in range(5)]
        gate.open.set()
        for future in [first, *rest]:
            future.result(10)
    assert gate.sizes == [1, 5]


def test_a_bad_batch_fails_alone(gate: Gate) -> None:
    gate.poison = BadInput("poison")
    with group_commit(gate) as commits:
        commits.submit(batch("first"))
        assert gate.entered.wait(10)
        good, bad, fine = (commits.submit(batch(word)) for word in ("good", "poison", "fine"))
        gate.open.set()
        good.result(10)
        fine.result(10)
        with pytest.raises(BadInput):
            bad.result(10)
    assert count(gate.store) == 3


def test_an_unknown_failure_is_told_without_its_text(gate: Gate) -> None:
    gate.poison = OSError("secret line")
    gate.open.set()
    with group_commit(gate) as commits, pytest.raises(Problem, match="OSError") as raised:
        commits.submit(batch("poison")).result(10)
    assert "secret" not in str(raised.value)


def test_a_full_queue_refuses(gate: Gate) -> None:
    with group_commit(gate, max_bytes=1000) as commits:
        taken = commits.submit(batch("first"))
        assert gate.entered.wait(10)
        with pytest.raises(Busy, match=r"receive\.max_queue_bytes"):
            commits.submit(batch("x" * 2000))
        gate.open.set()
        taken.result(10)
    assert count(gate.store) == 1


def test_closing_writes_what_waits(gate: Gate) -> None:
    gate.open.set()
    commits = GroupCommit(gate, seconds=5)  # type: ignore[arg-type]
    waiting = commits.submit(batch("last"))
    commits.close()
    assert waiting.done()
    assert count(gate.store) == 1


def test_after_closing_nothing_is_taken(gate: Gate) -> None:
    gate.open.set()
    commits = GroupCommit(gate)  # type: ignore[arg-type]
    commits.close()
    with pytest.raises(Unavailable):
        commits.submit(batch("late"))


def test_each_commit_is_told(gate: Gate) -> None:
    gate.open.set()
    told: list[Commit] = []
    with group_commit(gate, told=told.append) as commits:
        commits.submit(batch("a", "b")).result(10)
    assert [(commit.rows, commit.failed) for commit in told] == [(2, False)]
