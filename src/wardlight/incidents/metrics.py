"""What Wardlight measures of its incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wardlight.incidents.model import SEVERITIES, STATES, Incident
from wardlight.problems import Problem

_SECONDS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)

Counts = Mapping[tuple[str, str], int]
"""Incidents by state and severity."""


class Gauges(Collector):
    """How many there are, and how long people took."""

    def __init__(self, registry: CollectorRegistry, counts: Callable[[], Counts]) -> None:
        self._counts = counts

        def counter(name: str, help_: str) -> Counter:
            return Counter(f"wardlight_incidents_{name}", help_, ["severity"], registry=registry)

        def histogram(name: str, help_: str) -> Histogram:
            return Histogram(
                f"wardlight_incident_{name}_seconds", help_, ["severity"], buckets=_SECONDS, registry=registry
            )

        self._counters = {
            "opened": counter("opened", "Incidents opened."),
            "reopened": counter("reopened", "Incidents opened again."),
            "merged": counter("merged", "Incidents merged into another one."),
        }
        self._acknowledged = histogram(
            "acknowledge", "From the opening, or the last reopening, to the acknowledgement."
        )
        self._resolved = histogram("resolve", "From the opening, or the last reopening, to the end.")
        for severity in SEVERITIES:
            for metric in (*self._counters.values(), self._acknowledged, self._resolved):
                metric.labels(severity)
        registry.register(self)

    def happened(self, action: str, after: Incident) -> None:
        """Count an event; `after` is the incident as it left it."""
        if action in self._counters:
            self._counters[action].labels(after.severity).inc()
        if action == "acknowledged" and after.acknowledged_at:
            self._acknowledged.labels(after.severity).observe((after.acknowledged_at - after.opened).total_seconds())
        if action == "resolved" and after.resolved_at:
            self._resolved.labels(after.severity).observe((after.resolved_at - after.opened).total_seconds())

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without asking the database."""
        yield GaugeMetricFamily("wardlight_incidents", "Incidents there are.", labels=["state", "severity"])

    def collect(self) -> Iterator[Metric]:
        """Count them now; nothing while the state database is away."""
        family = GaugeMetricFamily("wardlight_incidents", "Incidents there are.", labels=["state", "severity"])
        try:
            counts = self._counts()
        except Problem:
            return
        for state in STATES:
            for severity in SEVERITIES:
                family.add_metric([state, severity], counts.get((state, severity), 0))
        yield family
