"""Events go to the ledger once each, however often their sender tries."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.audit.projecting import entry

from wardlight.audit.event import Entry, decode, users
from wardlight.audit.looks import Looks
from wardlight.audit.projection import Projection
from wardlight.audit.trail import Trail
from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.problems import Unavailable
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.seen import Key, repetition_key

KEY = repetition_key("fhir", "batch-17", b"")
DIGEST = repetition_key("fhir", "", b"what was sent")


class Place:
    """A ledger in a directory, and the way into it, as one process has them."""

    def __init__(self, home: Path, store: EmbeddedStore) -> None:
        self.ledger = Ledger(home / "log", "example.org/ledger", ManualClock())
        self.trail = Trail(self.ledger, store, CollectorRegistry())

    def entries(self) -> list[Entry]:
        return [decode(self.ledger.event(leaf)) for _, leaf in self.ledger.replay()]


@pytest.fixture
def place(tmp_path: Path, store: EmbeddedStore) -> Iterator[Place]:
    found = Place(tmp_path, store)
    yield found
    found.ledger.close()


def test_events_get_neighbouring_indices(place: Place) -> None:
    assert place.trail.submit([entry(1), entry(2)]).done.result() == range(2)
    assert place.trail.submit([entry(3)]).done.result() == range(2, 3)
    assert place.entries() == [entry(1), entry(2), entry(3)]


@pytest.mark.parametrize("key", [KEY, DIGEST], ids=["key", "digest"])
def test_a_repetition_brings_the_indices_of_the_first_time(place: Place, key: Key) -> None:
    first = place.trail.submit([entry(1), entry(2)], key)
    again = place.trail.submit([entry(1), entry(2)], key)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.done.result() == first.done.result() == range(2)
    assert place.ledger.size == 2


def test_without_a_key_equal_events_are_two(place: Place) -> None:
    for _ in range(2):
        place.trail.submit([entry(1)]).done.result()
    assert place.ledger.size == 2


def test_a_lasting_key_is_in_the_entries(place: Place) -> None:
    place.trail.submit([entry(1), entry(2)], KEY).done.result()
    assert [(one.key, one.at) for one in place.entries()] == [(KEY.value.hex(), 0), (KEY.value.hex(), 1)]


@pytest.mark.parametrize("projected", [True, False], ids=["projected", "not projected"])
def test_a_lasting_key_is_known_after_a_restart(tmp_path: Path, store: EmbeddedStore, projected: bool) -> None:
    before = Place(tmp_path, store)
    before.trail.submit([entry(0)]).done.result()
    before.trail.submit([entry(1), entry(2)], KEY).done.result()
    if projected:
        projection = Projection(before.ledger, store, CollectorRegistry())
        projection.start()
        assert projection.settle()
        projection.close()
    before.ledger.close()
    after = Place(tmp_path, store)
    again = after.trail.submit([entry(1), entry(2)], KEY)
    assert again.repeated
    assert again.done.result() == range(1, 3)
    after.ledger.close()


def test_what_the_ledger_refused_may_be_tried_again(tmp_path: Path, store: EmbeddedStore) -> None:
    clock = ManualClock()
    ledger = Ledger(tmp_path / "log", "example.org/ledger", clock)
    trail = Trail(ledger, store, CollectorRegistry())
    trail.submit([entry(1)]).done.result()
    right = clock.now
    clock.set_wall(right - 3600 * 10**9)
    with pytest.raises(Unavailable, match="the clock says"):
        trail.submit([entry(2)], KEY)
    clock.set_wall(right)
    assert not trail.submit([entry(2)], KEY).repeated
    ledger.close()


def test_a_look_is_an_event_with_its_reader_and_query(place: Place) -> None:
    Looks(place.trail, ManualClock()).note("ann", "patient=17", address="10.0.0.7")
    (look,) = place.entries()
    assert look.event.type[0].coding[0].code == "110101"
    assert users(look.event) == ["ann"]
    assert look.event.agent[0].network == "10.0.0.7"
    assert base64.b64decode(look.event.entity[0].query) == b"patient=17"


def test_two_equal_looks_are_two(place: Place) -> None:
    looks = Looks(place.trail, ManualClock())
    looks.note("ann", "patient=17")
    looks.note("ann", "patient=17")
    assert place.ledger.size == 2
