"""The one sink that all protocols feed: it writes, and counts what was taken and what wasn't."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pyarrow.compute as pc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from wardlight.problems import Problem
from wardlight.receive.assemble import Decoding
from wardlight.store.commit import Commit, GroupCommit

Commits = Callable[[Callable[[Commit], None]], GroupCommit]
"""Makes the group commit, given whom to tell of each commit."""


class Sink:
    """Takes decoded requests to the store and keeps the books."""

    def __init__(self, commits: Commits, registry: CollectorRegistry) -> None:
        self._accepted = Counter(
            "wardlight_receive_records", "Records on disk.", ["protocol", "kind"], registry=registry
        )
        self._refused = Counter(
            "wardlight_receive_refused_records", "Records not taken.", ["protocol", "reason"], registry=registry
        )
        self._failed = Counter(
            "wardlight_receive_failed_requests", "Requests not taken.", ["protocol", "status"], registry=registry
        )
        self._bytes = Counter("wardlight_receive_bytes", "Bytes of requests as sent.", ["protocol"], registry=registry)
        self._commit = Histogram(
            "wardlight_commit_duration_seconds", "Time to write and fsync a commit.", registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )  # fmt: skip
        self._commit_failures = Counter("wardlight_commit_failures", "Commits that failed.", registry=registry)
        self._commits = commits(self._told)
        queue = Gauge("wardlight_receive_queue_bytes", "Records waiting to be written.", registry=registry)
        queue.set_function(lambda: self._commits.queued_bytes)

    async def accept(self, protocol: str, decoding: Decoding, sent_bytes: int) -> None:
        """Return when every good record of a request is on disk; raises Busy, Unavailable or another problem."""
        self._bytes.labels(protocol).inc(sent_bytes)
        for refusal in decoding.refused:
            self._refused.labels(protocol, refusal.reason).inc(refusal.count)
        # Written even when the sender hangs up meanwhile: half of its work is done already.
        await asyncio.shield(asyncio.wrap_future(self._commits.submit(decoding.batch)))
        for kind in pc.value_counts(decoding.batch["kind"]).to_pylist():
            self._accepted.labels(protocol, kind["values"]).inc(kind["counts"])

    def failed(self, protocol: str, problem: Problem) -> None:
        """Count a request that was not taken."""
        self._failed.labels(protocol, str(problem.status)).inc()

    def close(self) -> None:
        """Write what waits."""
        self._commits.close()

    def _told(self, commit: Commit) -> None:
        self._commit.observe(commit.seconds)
        if commit.failed:
            self._commit_failures.inc()
