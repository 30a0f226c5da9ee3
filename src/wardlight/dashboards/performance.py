"""Performance Metrics shows how long people wait, where the time goes, and whether the objective is kept."""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import APP, ROUTES, SECONDS, count, metric, quantile, rate, zero
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.looks import above, below
from wardlight.dashboards.panels import Panel, bars, dial, graph, listing, number, spread

ALLOWED = 0.001
"""Share of requests that may fail within 30 days, as rules/slo.yml has it."""


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-performance",
        "Performance Metrics",
        "How long do people wait, and where does the time go?",
        [
            Row("Now", _now()),
            Row("Requests", [vital.durations(), vital.failures(), *_requests(), routes()]),
            Row("Objective: 999 of 1000 requests without a server error", _objective()),
            Row("Database", _database()),
            Row("Application and probes", _process()),
        ],
    )


def _now() -> list[Panel]:
    within = f'sum(rate({SECONDS}_bucket{{{ROUTES},le="0.25"}}[5m])) / (sum(rate({SECONDS}_count{{{ROUTES}}}[5m])) > 0)'
    return [
        number(
            "Requests", "Requests a second that people wait for.",
            metric(zero(rate(f"{SECONDS}_count", ROUTES))), unit="reqps", course=True,
        ),
        number(
            "Half within", "Within which time half of the requests ended in the last minutes.",
            metric(zero(f"{quantile(0.5, ROUTES)} >= 0")), unit="s", marks=above(0.25, 0.5), course=True,
        ),
        vital.quick(),
        number(
            "Quick", "Share of the last five minutes' requests that took at most a quarter of a second.",
            metric(f"({within}) or on () vector(1)"), unit="percentunit", marks=below(0.95, 0.8),
        ),
        vital.failing(),
        number(
            "In work", "Database sessions that are at work now.",
            metric(zero('sum(pg_stat_activity_count{state="active"})')),
        ),
    ]  # fmt: skip


def _requests() -> list[Panel]:
    return [
        spread(
            "Spread of durations", "How many requests took how long: two bands show that two kinds of requests are mixed.",
            metric(f"sum by (le) (increase({SECONDS}_bucket{{{ROUTES}}}[$__rate_interval]))", "{{le}}"), unit="s",
        ),
        graph(
            "Slower than usual", "The duration within which 95 of 100 requests end, beside that of this hour a week ago.",
            metric("max(job:latency:p95_5m)", "now"),
            metric("max(job:latency:usual)", "usual"),
            metric("max(2 * job:latency:usual + 4 * job:latency:usual_deviation)", "alert above"), unit="s",
        ),
        graph(
            "Requests by answer", "Requests a second by the answer's code: 4xx are refused, 5xx have failed.",
            metric(rate(f"{SECONDS}_count", ROUTES, ["http_response_status_code"]), "{{http_response_status_code}}"),
            unit="reqps", stacked=True,
        ),
        graph(
            "Where the time goes", "Seconds that all requests together take each second, by route.",
            metric(rate(f"{SECONDS}_sum", ROUTES, ["http_route"]), "{{http_route}}"), unit="s", stacked=True,
        ),
    ]  # fmt: skip


def routes(width: int = 24) -> Panel:
    """Compare the routes."""
    by = ["http_request_method", "http_route"]
    all_of = count(f"{SECONDS}_count", ROUTES, "$__range", by)
    failed = count(f"{SECONDS}_count", f'{ROUTES},http_response_status_code=~"5.."', "$__range", by)
    slow = f"histogram_quantile(0.95, sum by ({', '.join(by)}, le) (increase({SECONDS}_bucket{{{ROUTES}}}[$__range])))"
    return listing(
        "Routes", "Every route within the chosen time: how often, how long, and how much of it failed.",
        {
            "Requests": (metric(f"sort_desc({all_of} > 0)"), "short"),
            "95 % within": (metric(f"{slow} >= 0"), "s"),
            "Failed": (metric(f"({failed} / ({all_of} > 0)) or 0 * ({all_of} > 0)"), "percentunit"),
        },
        by={"http_request_method": "Method", "http_route": "Route"}, width=width, height=10,
    )  # fmt: skip


def _objective() -> list[Panel]:
    spent = f"{count(*vital.FAILED, '30d')} / ({count(*vital.REQUESTS, '30d')} > 0) / {ALLOWED}"
    windows = ("5m", "1h", "6h", "3d")
    return [
        dial(
            "Allowance left", "How much of the errors that 30 days may have is left; at 0 the objective is missed.",
            metric(f"clamp_min(1 - ({zero(spent)}), 0)"), unit="percentunit", marks=below(0.5, 0.1), width=6,
        ),
        graph(
            "Burn rate", "How many times faster than it may the allowance is used up: 1 lasts just 30 days, above 14.4 pages.",
            *(metric(f"max(job:http_error_ratio:rate{window}) / {ALLOWED}", f"over {window}") for window in windows),
            marks=((None, "transparent"), (14.4, "red")), width=18, kind="error",
        ),
    ]  # fmt: skip


def _database() -> list[Panel]:
    dead = "sum by (relname) (wardlight_pg_table_dead_rows) / clamp_min(sum by (relname) (wardlight_pg_table_live_rows), 1000)"
    return [
        graph(
            "Waiting in the database", "The longest open transaction, the longest idle one and the longest wait for a lock.",
            metric("max(wardlight_pg_transactions_longest_seconds)", "transaction"),
            metric("max(wardlight_pg_transactions_longest_idle_seconds)", "idle in a transaction"),
            metric("max(wardlight_pg_blocked_longest_seconds)", "waiting for a lock"), unit="s",
        ),
        graph(
            "Connections", "Connections that are open, by what they do, and the most that there may be.",
            metric("sum by (state) (pg_stat_activity_count) > 0", "{{state}}"),
            metric("max(wardlight_pg_connections_max)", "most"),
        ),
        graph(
            "Rows", "Rows that the database reads and changes a second.",
            *(
                metric(f'sum(rate(pg_stat_database_tup_{done}{{datname!=""}}[$__rate_interval]))', done)
                for done in ("fetched", "inserted", "updated", "deleted")
            ), unit="cps",
        ),
        bars(
            "Dead rows", "Dead rows of a table as a share of its live ones (of 1000 if there are fewer); many: it is vacuumed too seldom.",
            metric(f"sort_desc({dead})", "{{relname}}"), unit="percentunit", marks=above(0.2, 1), width=6,
        ),
        bars(
            "Size", "How large each database is.",
            metric('sort_desc(sum by (datname) (pg_database_size_bytes{datname!~"template.*"}))', "{{datname}}"),
            unit="bytes", width=6,
        ),
    ]  # fmt: skip


def _process() -> list[Panel]:
    return [
        graph(
            "Processor time", "How many cores each instance of the application and Wardlight itself keep busy.",
            metric(f"rate(process_cpu_seconds_total{{{APP}}}[$__rate_interval])", "{{instance}}"),
            metric('sum(rate(process_cpu_seconds_total{job="wardlight"}[$__rate_interval]))', "Wardlight"), width=8,
        ),
        graph(
            "Memory", "Memory that each instance of the application and Wardlight itself hold; steady growth is a leak.",
            metric(f"process_resident_memory_bytes{{{APP}}}", "{{instance}}"),
            metric('sum(process_resident_memory_bytes{job="wardlight"})', "Wardlight"), unit="bytes", width=8,
        ),
        graph(
            "Probes", "How long the probed addresses take to answer, the canary's among them.",
            metric("max by (instance) (probe_duration_seconds)", "{{instance}}"), unit="s", width=8,
        ),
    ]  # fmt: skip
