"""Carries checkpoints to those whose word counts for more than the operator's: witnesses, a time stamp service.

A thread of its own: who reports an event doesn't wait for them. What doesn't work is told once, and tried again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

import httpx

from wardlight.clock import Clock
from wardlight.ledger.log import Ledger
from wardlight.ledger.note import split
from wardlight.ledger.stamp import stamp
from wardlight.ledger.tree import STAMPS
from wardlight.ledger.witness import Asking, Witness
from wardlight.problems import Problem

_log = logging.getLogger(__name__)
_DAY_NS = 86_400 * 1_000_000_000


class Outside:
    """Has checkpoints cosigned whenever the log has grown, and stamped once a day."""

    def __init__(
        self, ledger: Ledger, witnesses: Sequence[Witness], authority: str, clock: Clock, seconds: float = 10.0
    ) -> None:
        self._ledger = ledger
        self._authority = authority
        self._clock = clock
        self._seconds = seconds
        self._client = httpx.Client(timeout=10, trust_env=False)
        self._asking = [Asking(witness, ledger, self._client) for witness in witnesses]
        self._cosigned: dict[str, str] = {}
        self.problems: dict[str, str] = {}
        """What doesn't work at the moment, by the name of the witness or the URL of the authority."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-outside", daemon=True)

    def start(self) -> None:
        """Begin, if there is anybody to ask."""
        if self._asking or self._authority:
            self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._client.close()

    def round(self) -> None:
        """Ask everybody who hasn't seen the newest checkpoint; all are asked about the same."""
        try:
            note = self._ledger.checkpoint()
        except Problem:
            return  # The ledger tells it to everybody.
        for asking in self._asking:
            self._try(asking.witness.verifier.name, partial(self._cosign, asking, note))
        if self._authority:
            self._try(self._authority, self._stamp)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.round()
            self._stop.wait(self._seconds)

    def _try(self, name: str, call: Callable[[], None]) -> None:
        try:
            call()
        except Problem as problem:
            if self.problems.get(name) != str(problem):
                _log.warning("%s", problem)
            self.problems[name] = str(problem)
        else:
            self.problems.pop(name, None)

    def _cosign(self, asking: Asking, note: str) -> None:
        text = split(note)[0]
        name = asking.witness.verifier.name
        if self._cosigned.get(name) != text:
            self._ledger.cosign(text, asking.cosign(note))
            self._cosigned[name] = text

    def _stamp(self) -> None:
        stamps = (self._ledger.directory / STAMPS).glob("*.tsr")
        last = max((path.stat().st_mtime_ns for path in stamps), default=0)
        if self._clock.now_ns() - last >= _DAY_NS:
            note = self._ledger.witnessed() or self._ledger.checkpoint()
            self._ledger.keep_stamp(note, stamp(note.encode(), self._authority, self._client))
