"""A ledger of seeded events and what projects it, for the tests of the projection."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from tests.conftest import NOW

from wardlight.audit.event import (
    ENTITY_ROLE,
    ENTITY_TYPE,
    Agent,
    AuditEvent,
    Coding,
    Concept,
    Entity,
    Entry,
    Reference,
    encode,
)
from wardlight.audit.projection import Pace
from wardlight.ledger import Ledger
from wardlight.store import LogStore

DAY = 86_400_000_000_000
QUICK = Pace(flush_seconds=0.01, settle_seconds=0.0, retry_seconds=0.01)
INDICES = "SELECT toUInt64(attributes['ledger_index']) AS idx FROM logs WHERE kind = 'audit'"


def entry(number: int, recorded: int = NOW, patient: str = "", user: str = "ann") -> Entry:
    """Make an event that differs from others by its number."""
    person = Entity(
        what=Reference(reference=f"Patient/{patient or f'p{number % 7}'}"),
        type=Coding(system=ENTITY_TYPE, code="1"),
        role=Coding(system=ENTITY_ROLE, code="1"),
    )
    record = Entity(what=Reference(reference=f"Observation/{number}"))
    event = AuditEvent(
        recorded=recorded,
        type=[Concept(coding=[Coding(system="http://example.org", code="rest")])],
        action="R",
        agent=[Agent(who=Reference(reference=f"Practitioner/{user}"), requestor=True)],
        entity=[person, record],
    )
    return Entry(received=recorded, format="fhir-r4+json", event=event)


def append(ledger: Ledger, entries: Iterable[Entry]) -> range:
    """Append events as the way in does."""
    return ledger.append([ledger.entry(encode(one), bytes(16)) for one in entries])


def in_audit(store: LogStore) -> list[int]:
    """List the indices that the table `audit` has, each as often as it has it."""
    return sorted(store.select("SELECT idx FROM audit")["idx"].to_pylist())


def in_logs(store: LogStore) -> list[int]:
    """List the indices that the table `logs` has, each as often as it has it."""
    return sorted(store.select(INDICES)["idx"].to_pylist())


def doubled(indices: Iterable[int]) -> list[int]:
    """Name what is there more than once."""
    return [index for index, count in Counter(indices).items() if count > 1]


def wait_until(reached: object, seconds: float = 20) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
