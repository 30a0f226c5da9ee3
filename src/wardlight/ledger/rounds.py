"""The ledger looks itself over, now and then: a sample, as a whole check of years takes hours (`wardlight ledger verify`)."""

from __future__ import annotations

import logging
import threading
from random import Random

from prometheus_client import CollectorRegistry, Gauge

from wardlight.clock import Clock
from wardlight.ledger.log import Ledger
from wardlight.ledger.note import Verifier
from wardlight.ledger.source import Directory
from wardlight.ledger.verify import Verification
from wardlight.problems import BadInput, NotFound, Problem

EVERY_SECONDS = 3600.0
BUNDLES = 16
"""Bundles, of up to 256 entries each, that one look hashes anew."""

_log = logging.getLogger(__name__)


class Rounds:
    """Looks from `start` to `close`, in a thread: at the newest checkpoint, and at entries that `chance` picks.

    Each look also demands that the log begins with the checkpoint of the look before.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, registry: CollectorRegistry, chance: Random, seconds: float = EVERY_SECONDS
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._chance = chance
        self._seconds = seconds
        self._seen = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-rounds", daemon=True)
        recording = Gauge("wardlight_ledger_recording", "1 while audit events are recorded.", registry=registry)
        recording.set_function(lambda: float(not ledger.problem))
        self._failed = Gauge(
            "wardlight_ledger_verification_failed", "1 when the last look found something wrong.", registry=registry
        )
        self._at = Gauge(
            "wardlight_ledger_verified_timestamp_seconds", "When it last looked and all was right.", registry=registry
        )

    def start(self) -> None:
        """Begin with a look."""
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> bool:
        """Look once; say whether all that was looked at is right. What is wrong is logged."""
        try:
            note = self._checked()
        except (BadInput, NotFound) as problem:
            _log.error("the ledger is not what was signed: %s", problem)
            self._failed.set(1)
            return False
        self._seen = note
        self._failed.set(0)
        self._at.set(self._clock.now_ns() / 1e9)
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except (Problem, OSError) as problem:
                _log.warning("the ledger couldn't be looked at: %s", problem)
            self._stop.wait(self._seconds)

    def _checked(self) -> str:
        """Check a sample; return the checkpoint that it was checked against."""
        where = self._ledger.directory
        key = Verifier.parse(self._ledger.vkey)
        note = self._ledger.checkpoint()
        Verification(Directory(where), key, large=where.parent / "large").sample(self._chance, BUNDLES, self._seen)
        return note
