"""The ledger looks itself over."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from prometheus_client import CollectorRegistry
from tests.ledger.conftest import Open, entries

from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.ledger.rounds import Rounds
from wardlight.ledger.tiles import ENTRIES, Tile


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def rounds(ledger: Ledger, clock: ManualClock, registry: CollectorRegistry) -> Rounds:
    return Rounds(ledger, clock, registry, Random(1))


def failed(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("wardlight_ledger_verification_failed")


@pytest.mark.parametrize("count", [0, 1, 256, 5000])
def test_a_ledger_that_grows_is_right(
    ledger: Ledger, rounds: Rounds, registry: CollectorRegistry, clock: ManualClock, count: int
) -> None:
    ledger.append(entries(0, count))
    assert rounds.look()
    ledger.append(entries(count, 300))
    assert rounds.look()
    assert failed(registry) == 0
    assert registry.get_sample_value("wardlight_ledger_verified_timestamp_seconds") == clock.now_ns() / 1e9


def test_an_entry_that_was_changed_is_found(
    ledger: Ledger, rounds: Rounds, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.append(entries(0, 2000))
    assert rounds.look()
    path = ledger.directory / Tile(ENTRIES, 3, 256).path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert not rounds.look()
    assert failed(registry) == 1
    assert "entry 1023" in caplog.text


def test_entries_that_are_gone_are_found(ledger: Ledger, rounds: Rounds, registry: CollectorRegistry) -> None:
    ledger.append(entries(0, 2000))
    ledger.checkpoint()
    (ledger.directory / Tile(ENTRIES, 3, 256).path).unlink()
    assert not rounds.look()
    assert failed(registry) == 1


def test_what_retention_has_removed_is_not_missed(ledger: Ledger, rounds: Rounds, clock: ManualClock) -> None:
    ledger.append(entries(0, 2000))
    ledger.settle()
    clock.advance(2 * 3600)
    ledger.append(entries(2000, 500))
    ledger.settle()
    assert ledger.prune(clock.now_ns()) > 0
    assert rounds.look()


def test_a_ledger_that_can_not_be_opened_records_nothing(
    directory: Path, clock: ManualClock, registry: CollectorRegistry, start: Open
) -> None:
    start().append(entries(0, 1))
    Rounds(Ledger(directory, "", clock), clock, registry, Random(1))
    assert registry.get_sample_value("wardlight_ledger_recording") == 0
