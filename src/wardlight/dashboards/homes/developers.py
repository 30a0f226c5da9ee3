"""Home of developers: what did the last deployment change, what fails, what is slow."""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import APP, ROUTES, SECONDS, STREAMS, logs, metric, rate
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.panels import Panel, bars, graph, listing, number
from wardlight.dashboards.performance import routes


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-home-developers",
        "Home of developers",
        "What did the last change do: what fails, and what is slow?",
        [
            Row(
                "Since the last change", [*_change(), vital.failures(), vital.durations(), vital.exceptions(), _load()]
            ),
            Row("Where", [routes()]),
            Row("Underneath", _underneath()),
            Row("Logs", [vital.troubles(), *_log(), vital.latest()]),
        ],
        home=True,
        since="now-3h",
    )


def _change() -> list[Panel]:
    return [
        vital.failing(),
        vital.quick(),
        number(
            "Requests", "Requests a second that people wait for.",
            metric(rate(f"{SECONDS}_count", ROUTES)), unit="reqps", course=True,
        ),
        number(
            "Running for", "How long the youngest instance of the application has been running.",
            metric(f"min(time() - process_start_time_seconds{{{APP}}})"), unit="s",
        ),
        listing(
            "Versions", "Which version of everything runs.",
            {"": (metric('group by (job, version) (instance:version:info{job=~"application|wardlight|postgres"})'), "")},
            by={"job": "Part", "version": "Version"}, width=8, height=4,
        ),
    ]  # fmt: skip


def _load() -> Panel:
    return graph(
        "Requests by answer", "Requests a second by the answer's code: 4xx are refused, 5xx have failed.",
        metric(rate(f"{SECONDS}_count", ROUTES, ["http_response_status_code"]), "{{http_response_status_code}}"),
        unit="reqps", stacked=True,
    )  # fmt: skip


def _underneath() -> list[Panel]:
    return [
        graph(
            "Waiting in the database", "The longest open transaction, the longest idle one and the longest wait for a lock.",
            metric("max(wardlight_pg_transactions_longest_seconds)", "transaction"),
            metric("max(wardlight_pg_transactions_longest_idle_seconds)", "idle in a transaction"),
            metric("max(wardlight_pg_blocked_longest_seconds)", "waiting for a lock"), unit="s", width=8,
        ),
        graph(
            "Memory", "Memory that each instance of the application holds; steady growth is a leak.",
            metric(f"process_resident_memory_bytes{{{APP}}}", "{{instance}}"), unit="bytes", width=8,
        ),
        graph(
            "Processor time", "How many cores each instance of the application keeps busy.",
            metric(f"rate(process_cpu_seconds_total{{{APP}}}[$__rate_interval])", "{{instance}}"), width=8,
        ),
    ]  # fmt: skip


def _log() -> list[Panel]:
    return [
        bars(
            "Who logs", "Which parts of the code write how many lines within the chosen time.",
            logs(
                f'topk(10, sum by (scope_name) (count_over_time({{{STREAMS},kind=~"application|error"}} [$__range])))',
                "{{scope_name}}",
            ), width=6,
        ),
        bars(
            "Levels", "How many lines there are of each level within the chosen time.",
            logs(
                f'sum by (level) (count_over_time({{{STREAMS},kind=~"application|error"}} [$__range]))', "{{level}}"
            ), width=6,
        ),
    ]  # fmt: skip
