"""The first line of the page: is everything all right, and what is not? Pure, from a snapshot.

Alert rules decide what is an incident; here is only told what they say, and what neither they nor the page can see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from wardlight.console.snapshot import Away, Database, Metrics, Snapshot, Target
from wardlight.incidents import SEVERITIES, Severity

Colour = Literal["good", "bad", "unknown"]

_WATCHED = ("Application", "Patient records", "Database", "Servers")

_LESSER = ("Servers", "Monitoring")

SILENCE = timedelta(minutes=3)
"""Alertmanager's watchdog is heard every minute; after this long without it, alerts may not arrive."""


@dataclass(frozen=True)
class Lamp:
    """The state of one thing that matters, and a word about it."""

    name: str
    colour: Colour
    word: str
    jobs: tuple[str, ...] = ()
    """Prometheus's jobs that it stands for."""


@dataclass(frozen=True)
class Finding:
    """Something that is not all right."""

    severity: Severity
    text: str
    incident: int | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer in a colour and a headline, and what was found, the gravest first."""

    colour: Severity | Colour
    headline: str
    findings: tuple[Finding, ...]
    lamps: tuple[Lamp, ...]


def verdict(snapshot: Snapshot) -> Verdict:
    """Judge a snapshot."""
    lamps = tuple(_lamps(snapshot))
    found = sorted(_findings(snapshot, lamps), key=lambda it: -SEVERITIES.index(it.severity))
    if not found:
        if any(lamp.colour == "good" for lamp in lamps if lamp.name in _WATCHED):
            return Verdict("good", "All is well", (), lamps)
        return Verdict("unknown", "Nothing is watched yet", (), lamps)
    counts = [(severity, sum(it.severity == severity for it in found)) for severity in reversed(SEVERITIES)]
    headline = ", ".join(f"{count} {severity}" for severity, count in counts if count)
    return Verdict(found[0].severity, headline, tuple(found), lamps)


def _lamps(snapshot: Snapshot) -> Iterator[Lamp]:
    metrics = snapshot.metrics
    if isinstance(metrics, Away):
        yield from (Lamp(name, "unknown", "not known") for name in _WATCHED)
    else:
        yield _targets("Application", metrics.of("application", "probe"), ("answers", "answer"), "does not answer")
        yield _targets("Patient records", metrics.of("canary"), ("readable", "readable"), "not readable")
        yield _databases(metrics.databases)
        yield _targets("Servers", metrics.of("node"), ("up", "up"), "not answering")
    yield _monitoring(metrics)
    yield _alerting(snapshot)
    if isinstance(snapshot.logs, Away):
        yield Lamp("Log store", "bad", "away")
    else:
        yield Lamp("Log store", "good", "answers")


def _targets(name: str, targets: Sequence[Target], good: tuple[str, str], bad: str) -> Lamp:
    """Judge targets of one kind; `good` is the word for one and for many."""
    down = [target for target in targets if not target.up]
    if not targets:
        return Lamp(name, "unknown", "not watched")
    if not down:
        return Lamp(name, "good", good[0] if len(targets) == 1 else f"{len(targets)} of {len(targets)} {good[1]}")
    jobs = tuple(target.job for target in down)
    which = f"{down[0].job} {down[0].instance}" if len(down) == 1 else f"{len(down)} of {len(targets)}"
    return Lamp(name, "bad", bad if len(targets) == 1 else f"{which} {bad}", jobs)


def _databases(databases: Sequence[Database]) -> Lamp:
    if not databases:
        return Lamp("Database", "unknown", "not watched")
    if any(database.up is False for database in databases):
        return Lamp("Database", "bad", "does not answer", ("postgres",))
    if any(database.up is None for database in databases):
        return Lamp("Database", "unknown", "exporter is silent")
    return Lamp("Database", "good", "answers")


def _monitoring(metrics: Metrics | Away) -> Lamp:
    """Judge what watches: Prometheus itself and the rest of its targets."""
    if isinstance(metrics, Away):
        return Lamp("Monitoring", "bad", "Prometheus is away")
    others = [it for it in metrics.targets if it.job not in ("application", "probe", "canary", "node")]
    return _targets("Monitoring", others, ("up", "up"), "not answering")


def _alerting(snapshot: Snapshot) -> Lamp:
    """Judge the way of alerts by whether Alertmanager's watchdog is heard."""
    if isinstance(snapshot.incidents, Away):
        return Lamp("Alerting", "bad", "incidents are away")
    heard = snapshot.incidents.watchdog_heard
    if heard is None:
        return Lamp("Alerting", "unknown", "not heard yet")
    silent = snapshot.at - max(heard, snapshot.since)
    if silent > SILENCE:
        return Lamp("Alerting", "bad", f"silent for {int(silent.total_seconds() // 60)} min")
    return Lamp("Alerting", "good", "heard")


def _findings(snapshot: Snapshot, lamps: Sequence[Lamp]) -> Iterator[Finding]:
    """Name open incidents, then the bad lamps that none of them explains."""
    running = () if isinstance(snapshot.incidents, Away) else snapshot.incidents.open
    yield from (Finding(it.severity, it.title, it.id) for it in running)
    explained = {it.labels.get("job") for it in running}
    for lamp in lamps:
        if lamp.colour == "bad" and not (lamp.jobs and explained.issuperset(lamp.jobs)):
            yield Finding("warning" if lamp.name in _LESSER else "critical", f"{lamp.name}: {lamp.word}")
