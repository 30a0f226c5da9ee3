"""The books: what was taken, refused, repeated and written, as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from wardlight.problems import Problem
from wardlight.receive.assemble import Decoding
from wardlight.records import KINDS
from wardlight.store.commit import Commit, GroupCommit

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Books:
    """Counters of the front door."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_: str, *labels: str) -> Counter:
            return Counter(f"wardlight_{name}", help_, labels, registry=registry)

        self._registry = registry
        self._accepted = counter("receive_records", "Records on disk.", "protocol", "kind")
        self._refused = counter("receive_refused_records", "Records not taken.", "protocol", "reason")
        self._failed = counter("receive_failed_requests", "Requests not taken.", "protocol", "status")
        self._repeated = counter("receive_repeated_requests", "Requests that were on disk already.", "protocol")
        self._bytes = counter("receive_bytes", "Bytes of requests as sent.", "protocol")
        self._failures = counter("commit_failures", "Writes to the journal or the engine that failed.", "stage")
        self._dead = counter("dead_letters", "Records that the engine refused, and of them those removed.", "fate")
        self._commit = Histogram(
            "wardlight_commit_duration_seconds", "Time to write to the journal or the engine.", ["stage"],
            registry=registry, buckets=_BUCKETS,
        )  # fmt: skip

    def watch(self, commits: GroupCommit) -> None:
        """Show the queue in front of the engine."""
        queue = Gauge("wardlight_receive_queue_bytes", "Memory of records that wait.", registry=self._registry)
        queue.set_function(lambda: commits.queued_bytes)
        lag = Gauge(
            "wardlight_receive_lag_seconds", "Age of the oldest record not in the engine.", registry=self._registry
        )
        lag.set_function(lambda: commits.lag_seconds)

    def received(self, protocol: str, decoding: Decoding, sent_bytes: int) -> None:
        """Count a request that could be read, and what of it was refused."""
        self._bytes.labels(protocol).inc(sent_bytes)
        for refusal in decoding.refused:
            self._refused.labels(protocol, refusal.reason).inc(refusal.count)

    def accepted(self, protocol: str, counts: Sequence[int]) -> None:
        """Count records that are on disk, of each kind."""
        for kind, count in zip(KINDS, counts, strict=True):
            if count:
                self._accepted.labels(protocol, kind).inc(count)

    def repeated(self, protocol: str) -> None:
        """Count a request that was on disk already."""
        self._repeated.labels(protocol).inc()

    def failed(self, protocol: str, problem: Problem) -> None:
        """Count a request that was not taken."""
        self._failed.labels(protocol, str(problem.status)).inc()

    def committed(self, commit: Commit) -> None:
        """Count a write to the journal or the engine, or records that became dead letters."""
        if commit.stage in {"dead", "removed"}:
            self._dead.labels(commit.stage).inc(commit.rows)
            return
        self._commit.labels(commit.stage).observe(commit.seconds)
        if commit.failed:
            self._failures.labels(commit.stage).inc()
