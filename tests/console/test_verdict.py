"""The first line says whether everything is all right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wardlight.console.prometheus import Readings, Sample
from wardlight.console.snapshot import Away, IncidentsNow, Metrics, Snapshot, metrics_of
from wardlight.console.verdict import Lamp, verdict
from wardlight.incidents import Incident, Severity

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOBS = ("application", "canary", "postgres", "node", "wardlight", "prometheus")
QUIET = IncidentsNow(open=(), last_resolved=None, watchdog_heard=NOW - timedelta(seconds=30))


def metrics(*down: str, pg_up: float = 1, jobs: tuple[str, ...] = JOBS) -> Metrics:
    """Make what Prometheus tells when these jobs are down."""
    up = [Sample({"job": job, "instance": f"{job}:80"}, float(job not in down)) for job in jobs]
    database = [Sample({"instance": "postgres:80"}, pg_up)] if "postgres" in jobs else []
    return metrics_of(Readings({"up": tuple(up), "pg_up": tuple(database)}, {}))


def incident(severity: Severity, title: str = "HighCPU: busy", **labels: str) -> Incident:
    return Incident(
        id=7, group_key="g", state="open", severity=severity, category="performance", title=title, labels=labels,
        annotations={}, started=NOW, ended=None, first_notice=NOW, last_notice=NOW, opened=NOW,
    )  # fmt: skip


def snapshot(
    told: Metrics | Away | None = None, incidents: IncidentsNow | Away = QUIET, logs: Away | None = None
) -> Snapshot:
    since = NOW - timedelta(hours=1)
    return Snapshot(
        at=NOW, since=since, metrics=told or metrics(), incidents=incidents, on_call=(), logs=logs or {}, users=()
    )


def lamp(of: Snapshot, name: str) -> Lamp:
    return next(lamp for lamp in verdict(of).lamps if lamp.name == name)


def texts(of: Snapshot) -> list[str]:
    return [finding.text for finding in verdict(of).findings]


def test_all_is_well_when_everything_answers() -> None:
    told = verdict(snapshot())
    assert (told.colour, told.headline, told.findings) == ("good", "All is well", ())
    assert {lamp.colour for lamp in told.lamps} == {"good"}


def test_nothing_watched_is_not_called_well() -> None:
    told = verdict(snapshot(metrics(jobs=("wardlight",))))
    assert (told.colour, told.headline) == ("unknown", "Nothing is watched yet")


def test_open_incidents_are_counted_by_severity_the_gravest_first() -> None:
    running = (incident("info"), incident("warning"), incident("critical"), incident("warning"))
    told = verdict(snapshot(incidents=replace(QUIET, open=running)))
    assert (told.colour, told.headline) == ("critical", "1 critical, 2 warning, 1 info")
    assert [finding.severity for finding in told.findings] == ["critical", "warning", "warning", "info"]


def test_an_incident_is_named_and_linked() -> None:
    (finding,) = verdict(snapshot(incidents=replace(QUIET, open=(incident("warning"),)))).findings
    assert (finding.text, finding.incident) == ("HighCPU: busy", 7)


@pytest.mark.parametrize(
    ("down", "name", "word"),
    [
        ("application", "Application", "does not answer"),
        ("canary", "Patient records", "not readable"),
        ("node", "Servers", "not answering"),
        ("wardlight", "Monitoring", "wardlight wardlight:80 not answering"),
    ],
)
def test_what_is_down_is_seen_before_its_alert(down: str, name: str, word: str) -> None:
    told = snapshot(metrics(down))
    assert (lamp(told, name).colour, lamp(told, name).word) == ("bad", word)
    assert f"{name}: {word}" in texts(told)


def test_what_an_incident_tells_is_not_told_twice() -> None:
    running = (incident("critical", "ApplicationDown: away", job="application"),)
    assert texts(snapshot(metrics("application"), replace(QUIET, open=running))) == ["ApplicationDown: away"]


def test_a_database_that_does_not_answer_its_exporter_is_down() -> None:
    told = snapshot(metrics(pg_up=0))
    assert texts(told) == ["Database: does not answer"]


def test_a_database_whose_exporter_is_silent_is_unknown_not_down() -> None:
    told = snapshot(metrics("postgres"))
    assert lamp(told, "Database").colour == "unknown"
    assert texts(told) == ["Monitoring: postgres postgres:80 not answering"]


def test_a_probe_counts_by_its_own_answer() -> None:
    target = {"job": "canary", "instance": "http://clinic/canary"}
    told = metrics_of(Readings({"up": (Sample(target, 1.0),), "probe": (Sample(target, 0.0),)}, {}))
    assert lamp(snapshot(told), "Patient records").colour == "bad"


def test_without_prometheus_nothing_is_known_of_the_platform() -> None:
    told = snapshot(Away("Prometheus does not answer"))
    assert lamp(told, "Application").colour == "unknown"
    assert texts(told) == ["Monitoring: Prometheus is away"]


def test_without_the_log_store_it_is_critical() -> None:
    assert verdict(snapshot(logs=Away("the disk is full"))).headline == "1 critical"


def test_without_incidents_alerting_is_down() -> None:
    assert texts(snapshot(incidents=Away("damaged"))) == ["Alerting: incidents are away"]


def test_alerting_that_falls_silent_is_critical() -> None:
    silent = replace(QUIET, watchdog_heard=NOW - timedelta(minutes=4))
    assert texts(snapshot(incidents=silent)) == ["Alerting: silent for 4 min"]


def test_our_own_absence_is_not_alertings_silence() -> None:
    told = snapshot(incidents=replace(QUIET, watchdog_heard=NOW - timedelta(hours=9)))
    assert lamp(replace(told, since=NOW - timedelta(minutes=1)), "Alerting").colour == "good"


def test_alerting_never_heard_is_unknown() -> None:
    assert lamp(snapshot(incidents=replace(QUIET, watchdog_heard=None)), "Alerting").colour == "unknown"
