"""Metrics of escalation."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


class Metrics:
    """Counted once they are on disk; nobody's name is a label."""

    def __init__(self, registry: CollectorRegistry, refused: Callable[[], bool]) -> None:
        self.notifications = Counter(
            "wardlight_notifications", "Messages, by service and what became of them: sent, retried, failed, dropped.",
            ["channel", "outcome"], registry=registry,
        )  # fmt: skip
        self.to_notify = Histogram(
            "wardlight_time_to_notify_seconds", "From the first notice of an incident to the first message about it.",
            ["severity"], registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.escalations = Counter(
            "wardlight_escalations", "Levels that were asked to come.", ["level"], registry=registry
        )
        self.nobody = Counter(
            "wardlight_nobody_on_call", "Levels that were to be asked and had nobody on call.", registry=registry
        )
        broken = Gauge("wardlight_oncall_refused", "1 while oncall.toml is broken.", registry=registry)
        broken.set_function(lambda: float(refused()))
