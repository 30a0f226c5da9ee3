"""The rules' metrics, and those that recording rules make."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wardlight.problems import BadInput, TooLarge
from wardlight.rules.model import Sample

MAX_SERIES = 10_000
"""Most series that recording rules show, all together."""

_Series = tuple[str, str]


class Gauges:
    """What Prometheus is told of rules."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_: str, *labels: str) -> Counter:
            return Counter(f"wardlight_rule_{name}", help_, labels, registry=registry)

        def gauge(name: str, help_: str, *labels: str) -> Gauge:
            return Gauge(f"wardlight_rule_{name}", help_, labels, registry=registry)

        self.evaluations = counter("evaluations", "Evaluations of rules.", "rule_group")
        self.failures = counter("evaluation_failures", "Evaluations of rules that failed.", "rule_group")
        self.missed = counter("group_iterations_missed", "Evaluations of groups that nobody made good.", "rule_group")
        self.late = counter("group_iterations_late", "Evaluations of groups made good after a pause.", "rule_group")
        self.at = gauge("group_last_evaluation_timestamp_seconds", "Moment last evaluated.", "rule_group")
        self.seconds = gauge("group_last_duration_seconds", "How long that took.", "rule_group")
        self.interval = gauge("group_interval_seconds", "How far apart evaluations are.", "rule_group")
        self.refused = gauge("files_refused", "Rule files that are broken; what they said before stays in force.")

    def begin(self, group: str, interval_ns: int) -> None:
        """Show a group from its beginning, so that its first failure is an increase."""
        for each in (self.evaluations, self.failures, self.missed, self.late):
            each.labels(group)
        self.interval.labels(group).set(interval_ns / 1e9)

    def end(self, group: str) -> None:
        """Show a group no more."""
        for each in (
            self.evaluations,
            self.failures,
            self.missed,
            self.late,
            self.at,
            self.seconds,
            self.interval,
        ):
            with suppress(KeyError):
                each.remove(group)


class Recordings(Collector):
    """The latest results of recording rules, as gauges."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_rule: dict[str, tuple[str, Mapping[str, Sample]]] = {}
        self._owners: dict[_Series, str] = {}

    def put(self, rule: str, name: str, samples: Mapping[str, Sample]) -> None:
        """Replace what a rule has recorded; samples by their labels as one string.

        Raises TooLarge beyond `MAX_SERIES`, BadInput for a series that another rule records; then it records nothing.
        """
        with self._lock:
            self._drop(rule)
            if len(self._owners) + len(samples) > MAX_SERIES:
                raise TooLarge(f"recording rules have more than {MAX_SERIES} series, all together")
            if any((name, labels) in self._owners for labels in samples):
                raise BadInput("another rule records the same series")
            self._by_rule[rule] = name, samples
            self._owners.update({(name, labels): rule for labels in samples})

    def drop(self, rule: str) -> None:
        """Show nothing of a rule: it failed, or is gone."""
        with self._lock:
            self._drop(rule)

    def _drop(self, rule: str) -> None:
        name, samples = self._by_rule.pop(rule, ("", {}))
        for labels in samples:
            del self._owners[name, labels]

    def collect(self) -> Iterator[Metric]:
        """Give every metric with its series."""
        with self._lock:
            recorded = list(self._by_rule.values())
        families: dict[str, GaugeMetricFamily] = {}
        for name, samples in recorded:
            family = families.setdefault(name, GaugeMetricFamily(name, "Recorded by a rule."))
            for sample in samples.values():
                family.add_sample(name, dict(sample.labels), sample.value)
        yield from families.values()
