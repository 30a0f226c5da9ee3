"""Panels that several boards show: each is written once."""

from __future__ import annotations

from wardlight.dashboards.asked import APP, ROUTES, STREAMS, count, logs, metric, quantile, rate, zero
from wardlight.dashboards.looks import READABLE, SOUND, UP, YES, above
from wardlight.dashboards.panels import Panel, graph, log, number

FIRING = 'ALERTS{alertstate="firing",alertname!="Watchdog"}'
REQUESTS = ("instance:http_requests:sum", 'instance=~"$instance"')
FAILED = ("instance:http_errors:sum", 'instance=~"$instance"')
READS = ("instance:record_reads:sum", 'instance=~"$instance"')
READS_FAILED = ("instance:record_reads_failed:sum", 'instance=~"$instance"')
"""Recorded counters, and what chooses of them."""
LOST = f'{APP},outcome=~"dropped|failed"'
"""Chooses records for Wardlight that an application could not deliver."""
DONE = {"C": "created", "R": "read", "U": "updated", "D": "deleted", "E": "exported"}
"""What may be done with a record, by the letters of the SDK's label."""
Counter = tuple[str, str]


def share(part: Counter, whole: Counter, window: str) -> str:
    """Write which share of a counter another one is; 0 while nothing happens."""
    some, every = (f"sum(rate({name}{{{chosen}}}[{window}]))" for name, chosen in (part, whole))
    return zero(f"{some} / ({every} > 0)")


def application(width: int = 4) -> Panel:
    """Show whether the application is up."""
    return number(
        "Application",
        "Whether every instance of the application answers Prometheus.",
        metric(f"min(up{{{APP}}})"),
        marks=UP,
        named=YES,
        width=width,
    )


def records(width: int = 4) -> Panel:
    """Show whether patient records can be read."""
    return number(
        "Patient records",
        "Whether a synthetic patient's record can be read through the application, as people would.",
        metric('min(probe_success{job="canary"})'),
        marks=UP,
        named=READABLE,
        width=width,
    )


def trail(width: int = 4) -> Panel:
    """Show whether audit events are recorded."""
    return number(
        "Audit trail",
        "Whether audit events are being recorded in the ledger.",
        metric("min(wardlight_ledger_recording)"),
        marks=UP,
        named=SOUND,
        width=width,
    )


def firing(width: int = 4) -> Panel:
    """Count the alerts that fire."""
    return number(
        "Alerts firing",
        "How many alerts fire now, without the one that always does.",
        metric(zero(f"count({FIRING})")),
        marks=above(1, 5),
        width=width,
    )


def incidents(width: int = 4) -> Panel:
    """Count the incidents that go on."""
    return number(
        "Open incidents",
        "Incidents that nobody has resolved; each is in the console.",
        metric(zero('sum(wardlight_incidents{state=~"open|acknowledged"})')),
        marks=above(1, 5),
        width=width,
    )


def failing(width: int = 4) -> Panel:
    """Show which share of requests fails."""
    return number(
        "Requests that fail",
        "Share of the last five minutes' requests that ended in a server error; above 5 % an alert fires.",
        metric(share(FAILED, REQUESTS, "5m")),
        unit="percentunit",
        marks=above(0.01, 0.05),
        width=width,
    )


def quick(width: int = 4) -> Panel:
    """Show how long nearly everybody waits at most."""
    return number(
        "95 % within",
        "Within which time 95 of 100 requests ended in the last minutes; above a second an alert fires.",
        metric(zero(f"{quantile(0.95, ROUTES)} >= 0")),
        unit="s",
        marks=above(0.5, 1),
        width=width,
        course=True,
    )


def durations(width: int = 12) -> Panel:
    """Show how long requests take."""
    return graph(
        "How long requests take",
        "Within which time half, 95 and 99 of 100 requests end; the line is where an alert fires.",
        metric(quantile(0.5, ROUTES), "half"),
        metric(quantile(0.95, ROUTES), "95 %"),
        metric(quantile(0.99, ROUTES), "99 %"),
        unit="s",
        marks=((None, "transparent"), (1, "red")),
        width=width,
    )


def failures(width: int = 12) -> Panel:
    """Show the share of failing requests over time."""
    return graph(
        "Share of requests that fail",
        "Which share of requests ends in a server error; the line is where an alert fires.",
        metric(share(FAILED, REQUESTS, "$__rate_interval"), "failing"),
        unit="percentunit",
        marks=((None, "transparent"), (0.05, "red")),
        width=width,
        kind="error",
    )


def deeds() -> list[Panel]:
    """Show what is done with records, and with which."""
    accesses = "app_record_accesses_total"
    return [
        graph(
            "Records by what is done",
            "Accesses to records a minute, by what is done with them.",
            *(
                metric(zero(f"60 * {rate(accesses, f'{APP},action={letter!r}')}"), name)
                for letter, name in DONE.items()
            ),
            unit="cpm",
            stacked=True,
            kind="audit",
        ),
        graph(
            "Records by type",
            "Accesses to records a minute, by the type of the record.",
            metric(f"60 * {rate(accesses, APP, ['record_type'])}", "{{record_type}}"),
            unit="cpm",
            stacked=True,
            kind="audit",
        ),
    ]


def exceptions(width: int = 12) -> Panel:
    """Count exceptions by type."""
    return graph(
        "Exceptions",
        "Exceptions that the application raised in each stretch of time, by type.",
        metric(
            zero(count("app_errors_total", APP, "$__rate_interval", ["type"]), "type"),
            "{{type}}",
        ),
        counts=True,
        width=width,
        kind="error",
    )


def versions(width: int = 12) -> Panel:
    """Show what runs, and with the marks what was deployed."""
    return graph(
        "Versions",
        "Which versions run: where a line ends and another begins, something was updated. What is new is the first suspect.",
        metric(
            'count by (job, version) (instance:version:info{job=~"application|wardlight|postgres"})',
            "{{job}} {{version}}",
        ),
        width=width,
    )


def troubles(width: int = 12) -> Panel:
    """Count lines that say that something is wrong."""
    return graph(
        "Warnings and errors",
        "How many log lines say in each stretch of time that something is wrong, by level.",
        logs(
            zero(f'sum by (level) (count_over_time({{{STREAMS},level=~"warn|error|fatal"}} [$__interval]))', "level"),
            "{{level}}",
        ),
        counts=True,
        width=width,
    )


def latest() -> Panel:
    """Show the newest lines that say that something is wrong."""
    return log(
        "Latest warnings and errors",
        "The newest log lines that say that something is wrong; open one for all that is known about it.",
        logs(f'{{{STREAMS},kind=~"application|error|security",level=~"warn|error|fatal"}}'),
    )
