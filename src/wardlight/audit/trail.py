"""The way into the audit trail: events become entries of the ledger, once each, and are acknowledged when on disk.

A sender that tries again is recognised by its key. Lasting keys are in the entries themselves, so that the ledger alone
says what was taken: at the start the newest are read from the table `audit`, and from the entries that it lacks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec
from prometheus_client import CollectorRegistry, Counter

from wardlight.audit.event import Entry, decode, encode
from wardlight.audit.tables import recent_keys, top
from wardlight.audit.writer import MOST
from wardlight.ledger import Ledger
from wardlight.ledger.leaf import SALT_BYTES
from wardlight.problems import BadInput, NotFound
from wardlight.store import LogStore
from wardlight.store.seen import KEPT_KEYS, Key, Seen, Submitted

Salts = Callable[[int], bytes]
"""Gives random bytes."""


class Trail:
    """Takes events to the ledger."""

    def __init__(self, ledger: Ledger, store: LogStore, registry: CollectorRegistry, salts: Salts = os.urandom) -> None:
        self._ledger = ledger
        self._store = store
        self._salts = salts
        self._turn = threading.Lock()
        self._seen: Seen[range] | None = None
        self._taken = Counter(
            "wardlight_audit_events", "Audit events in the ledger, by what they came as.", ["format"], registry=registry
        )
        self._odd = Counter(
            "wardlight_audit_deviations", "Audit events that break their standard.", ["deviation"], registry=registry
        )

    def submit(self, entries: Sequence[Entry], key: Key = Key()) -> Submitted[range]:
        """Hand events in; the future has their indices when they are on disk. Blocks for as long as encoding takes.

        A key that was seen before brings the indices that its events have. Raises Unavailable, Busy.
        """
        if key.lasting:
            name = key.value.hex()
            entries = [msgspec.structs.replace(entry, key=name, at=at) for at, entry in enumerate(entries)]
        with self._turn:
            if self._seen is None:
                self._seen = Seen(self._before())
            if known := self._seen.find(key):
                return Submitted(known, repeated=True)
            done = self._ledger.submit(self._leaves(entries))
            self._seen.remember(key, done)
        self._count(entries)
        return Submitted(done)

    def _leaves(self, entries: Sequence[Entry]) -> list[bytes]:
        salts = self._salts(SALT_BYTES * len(entries))
        return [
            self._ledger.entry(encode(entry), salts[at * SALT_BYTES : (at + 1) * SALT_BYTES])
            for at, entry in enumerate(entries)
        ]

    def _count(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._taken.labels(entry.format).inc()
            for word in entry.deviation:
                self._odd.labels(word).inc()

    def _before(self) -> Iterator[tuple[bytes, range]]:
        """Read the newest lasting keys, oldest first."""
        # First how far the table is, then what it has: it grows meanwhile.
        known = top(self._store, MOST)
        behind = known.end if known.whole else known.end - MOST
        for seen in reversed(recent_keys(self._store, KEPT_KEYS)):
            yield bytes.fromhex(seen.key), range(seen.first, seen.first + seen.events)
        for index, leaf in self._ledger.replay(max(0, behind, self._ledger.size - KEPT_KEYS)):
            try:
                entry = decode(self._ledger.event(leaf))
            except (BadInput, NotFound):
                continue
            if entry.key:
                yield bytes.fromhex(entry.key), range(index - entry.at, index + 1)
