"""Our own events, as records in the log store: deployments, maintenance, heartbeats."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future

from prometheus_client import CollectorRegistry, Counter

from wardlight.clock import Clock
from wardlight.config import Receive
from wardlight.problems import Problem
from wardlight.protect.protector import Protector
from wardlight.receive.documents import decode
from wardlight.store.commit import GroupCommit

_log = logging.getLogger(__name__)


class OwnLog:
    """Called with an event's name, its line and its attributes; it waits for nothing and never fails.

    Attributes have OpenTelemetry's names; those that are labels (`service.name`) become labels. An event that the store
    can't take is counted: these are copies of what the state database has.
    """

    def __init__(
        self, protector: Protector, commits: GroupCommit, settings: Receive, clock: Clock, registry: CollectorRegistry
    ) -> None:
        self._protector = protector
        self._commits = commits
        self._settings = settings
        self._clock = clock
        self._lost = Counter("wardlight_own_events_lost", "Own events that the store didn't take.", registry=registry)

    def __call__(self, event: str, body: str, attributes: Mapping[str, str]) -> None:
        """Write one event."""
        level = "error" if attributes.get("event.outcome") == "failure" else "info"
        record = {
            "message": body, "level": level, "service.name": "wardlight", "wardlight.kind": "application",
            "event.name": event, **attributes,
        }  # fmt: skip
        try:
            decoding = decode([record], self._settings, self._clock.now_ns())
            self._commits.submit(self._protector.protect(decoding.batch)).done.add_done_callback(self._done)
        except Problem as problem:
            self._lose(problem)

    def _done(self, future: Future[None]) -> None:
        if (error := future.exception()) is not None:
            self._lose(error)

    def _lose(self, error: BaseException) -> None:
        self._lost.inc()
        _log.warning("an event of our own was not logged: %s", error)
