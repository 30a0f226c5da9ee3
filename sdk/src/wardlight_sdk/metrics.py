"""The metrics of an application, by the names that Wardlight's rules and dashboards know.

Never a patient, a user, a session or an address in a label.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

USERS_WINDOW = 300.0
"""Seconds after which a silent user no longer counts as active."""

SESSION_WINDOW = 1800.0
"""Seconds after which a silent session no longer counts as active, if nobody ended it."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Recent:
    """Names seen within a window of seconds."""

    def __init__(self, window: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._window = window
        self._monotonic = monotonic
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def see(self, name: str) -> None:
        """Note that a name was there just now."""
        with self._lock:
            self._seen.pop(name, None)
            self._seen[name] = self._monotonic()
            self._forget()

    def drop(self, name: str) -> None:
        """Forget a name."""
        with self._lock:
            self._seen.pop(name, None)

    def count(self) -> int:
        """Count the names seen within the window."""
        with self._lock:
            self._forget()
            return len(self._seen)

    def _forget(self) -> None:
        """Drop the old ones; the dictionary keeps the order in which names were last seen."""
        oldest = self._monotonic() - self._window
        while self._seen and next(iter(self._seen.values())) < oldest:
            del self._seen[next(iter(self._seen))]


class Metrics:
    """All metrics of one application, in one registry; `version` is the application's."""

    def __init__(self, registry: CollectorRegistry, version: str = "") -> None:
        self.registry = registry
        self.users = Recent(USERS_WINDOW)
        self.sessions = Recent(SESSION_WINDOW)
        self.requests = Histogram(
            "http_server_request_duration_seconds",
            "Duration of requests",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.logins = Counter("app_logins", "Attempts to sign in", ["outcome"], registry=registry)
        self.features = Counter("app_feature_uses", "Uses of features", ["feature"], registry=registry)
        self.accesses = Counter(
            "app_record_accesses", "Accesses to records", ["record_type", "action", "outcome"], registry=registry
        )
        self.exported = Counter("app_records_exported", "Records exported", ["record_type"], registry=registry)
        self.errors = Counter("app_errors", "Exceptions", ["type"], registry=registry)
        self.sent = Counter(
            "wardlight_sdk_records", "Records for Wardlight: sent, dropped, failed", ["outcome"], registry=registry
        )
        sessions = Gauge("app_sessions_active", "Sessions in use", registry=registry)
        sessions.set_function(self.sessions.count)
        users = Gauge("app_users_active", "Distinct users in the last 5 minutes", registry=registry)
        users.set_function(self.users.count)
        build = Gauge("app_build_info", "1, for the version that runs", ["version"], registry=registry)
        if version:
            build.labels(version).set(1)
        self._all: tuple[Collector, ...] = (
            *(self.requests, self.logins, self.features, self.accesses, self.exported, self.errors, self.sent),
            *(sessions, users, build),
        )
        for outcome in ("sent", "dropped", "failed"):
            self.sent.labels(outcome)
        for outcome in ("success", "failure"):
            self.logins.labels(outcome)

    def remove(self) -> None:
        """Take them out of the registry."""
        for metric in self._all:
            self.registry.unregister(metric)
