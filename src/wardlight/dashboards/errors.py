"""Error Tracking shows what fails, where, since when, and what was changed before."""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import APP, ROUTES, SECONDS, STREAMS, count, logs, metric, rate, zero
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.looks import above
from wardlight.dashboards.panels import Panel, alerts, bars, graph, number

BROKEN = 'level=~"error|fatal"'


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-errors",
        "Error Tracking",
        "What fails, where, since when, and what was changed before?",
        [
            Row("Now", _now()),
            Row("Requests", [vital.failures(8), *_requests()]),
            Row("Exceptions", [vital.exceptions(), *_exceptions()]),
            Row("Around it", _around()),
            Row("Logs", [vital.troubles(), *_lines(), vital.latest()]),
        ],
    )


def _now() -> list[Panel]:
    return [
        vital.failing(),
        number(
            "Failed requests", "Requests that ended in a server error within the last hour.",
            metric(zero(count(*vital.FAILED, "1h"))), marks=above(1, 100),
        ),
        number(
            "Exceptions", "Exceptions that the application raised within the last hour.",
            metric(zero(count("app_errors_total", APP, "1h"))), marks=above(1, 100),
        ),
        number(
            "Error lines", "Log lines at the levels error and fatal within the last hour.",
            logs(zero(f"sum(count_over_time({{{STREAMS},{BROKEN}}} [1h]))")), marks=above(1, 100),
        ),
        number(
            "Record reads that fail", "Share of the last five minutes' reads of records that failed.",
            metric(vital.share(vital.READS_FAILED, vital.READS, "5m")), unit="percentunit", marks=above(0.01, 0.2),
        ),
        number(
            "Records lost", "Records for Wardlight that the application could not deliver within the last hour.",
            metric(zero(count("wardlight_sdk_records_total", vital.LOST, "1h"))),
            marks=above(1, 10),
        ),
    ]  # fmt: skip


def _requests() -> list[Panel]:
    answers = f'{ROUTES},http_response_status_code=~"%s"'
    return [
        graph(
            "Server errors by route", "Requests a second that ended in a server error, by route.",
            metric(zero(rate(f"{SECONDS}_count", answers % "5..", ["http_route"]), "http_route"), "{{http_route}}"),
            unit="reqps", stacked=True, width=8, kind="error",
        ),
        graph(
            "Refused requests", "Requests a second that were refused, by the answer's code: 401 and 403 are rights, 404 and 422 programs.",
            metric(
                zero(rate(f"{SECONDS}_count", answers % "4..", ["http_response_status_code"]),
                     "http_response_status_code"), "{{http_response_status_code}}",
            ), unit="reqps", stacked=True, width=8, kind="security",
        ),
    ]  # fmt: skip


def _exceptions() -> list[Panel]:
    counted = f'count_over_time({{{STREAMS},kind="error"}} [$__range])'
    return [
        bars(
            "Types", "The ten most frequent types of exceptions within the chosen time.",
            logs(zero(f"topk(10, sum by (exception_type) ({counted}))", "exception_type"), "{{exception_type}}"),
            marks=above(1, 100), width=6,
        ),
        bars(
            "Whom they hit", "In which roles people met exceptions within the chosen time.",
            logs(zero(f"sum by (user_role) ({counted})", "user_role"), "{{user_role}}"), marks=above(1, 100), width=6,
        ),
    ]  # fmt: skip


def _around() -> list[Panel]:
    return [
        alerts("What fires", "Alerts that fire or are about to, the most important first.", width=8),
        graph(
            "In the database", "Transactions taken back, deadlocks and conflicts a second.",
            *(
                metric(f'sum(rate(pg_stat_database_{name}{{datname!=""}}[$__rate_interval]))', legend)
                for name, legend in (
                    ("xact_rollback", "taken back"), ("deadlocks", "deadlocks"), ("conflicts", "conflicts")
                )
            ), unit="ops", width=8,
        ),
        vital.versions(8),
    ]  # fmt: skip


def _lines() -> list[Panel]:
    said = f'{{{STREAMS},level=~"warn|error|fatal"}}'
    return [
        bars(
            "Where they come from", "Which services say that something is wrong, and how often within the chosen time.",
            logs(
                zero(f"sum by (service_name, level) (count_over_time({said} [$__range]))", "service_name"),
                "{{service_name}} {{level}}",
            ),
            marks=above(1, 1000), width=6,
        ),
        bars(
            "What it is", "Kinds of events among the warnings and errors within the chosen time.",
            logs(
                zero(f'sum by (event_name) (count_over_time({said} | event_name!="" [$__range]))', "event_name"),
                "{{event_name}}",
            ),
            marks=above(1, 1000), width=6,
        ),
    ]  # fmt: skip
