"""Home of administrators: is all right, who is on it, and what will run out."""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import count, metric, zero
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.looks import ANY, UP, above, below
from wardlight.dashboards.panels import Panel, alerts, bars, graph, listing, number, states
from wardlight.dashboards.system import machine

NONE = {"-1": ("None yet", "orange")}
YEARS = {"3650": ("Years", "green")}


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-home-administrators",
        "Home of administrators",
        "Is all right, is somebody on it, and what will run out?",
        [
            Row("Is all right", [*_vital(), *_alarms()]),
            Row("Is somebody on it", _people()),
            Row("What will run out", [*machine(), *_store()]),
            Row("What runs", _parts()),
        ],
        home=True,
        since="now-6h",
    )


def _vital() -> list[Panel]:
    return [
        vital.application(), vital.records(), vital.trail(), vital.failing(), vital.firing(), vital.incidents(),
    ]  # fmt: skip


def _alarms() -> list[Panel]:
    return [
        alerts("What fires", "Alerts that fire or are about to, the most important first."),
        graph(
            "Alerts", "How many alerts fired when, by severity.",
            metric(zero(f"count by (severity) ({vital.FIRING})", "severity"), "{{severity}}"), stacked=True,
        ),
    ]  # fmt: skip


def _people() -> list[Panel]:
    def took(what: str) -> str:
        name = f"wardlight_incident_{what}_seconds"
        return zero(f"sum(increase({name}_sum[7d])) / (sum(increase({name}_count[7d])) > 0)")

    failed = count("wardlight_notifications_total", 'outcome="failed"', "1d")
    return [
        number(
            "Not taken on", "Incidents that nobody has acknowledged yet.",
            metric(zero('sum(wardlight_incidents{state="open"})')), marks=above(1, 3),
        ),
        number(
            "Until somebody is on it", "Mean time of the last seven days from an incident's start until somebody took it on.",
            metric(took("acknowledge")), unit="s", marks=above(300, 900),
        ),
        number(
            "Until it is over", "Mean time of the last seven days from an incident's start until it was resolved.",
            metric(took("resolve")), unit="s", marks=above(3600, 14400),
        ),
        number(
            "Messages that failed", "Messages to people that couldn't be sent within the last day.",
            metric(zero(failed)), marks=above(1, 10),
        ),
        number(
            "Nobody on call", "How often within the last day an incident met a level with nobody on call.",
            metric(zero(count("wardlight_nobody_on_call_total", "", "1d"))), marks=ANY,
        ),
        number(
            "Maintenance", "Maintenance windows that are open now, in which alerts are silenced.",
            metric(zero('sum(wardlight_maintenance_windows{state="active"})')),
        ),
        graph(
            "New incidents", "Incidents that were opened in each stretch of time, by severity.",
            metric(count("wardlight_incidents_opened_total", "", "$__rate_interval", ["severity"]), "{{severity}}"),
            counts=True, width=24,
        ),
    ]  # fmt: skip


def _store() -> list[Panel]:
    return [
        number(
            "Days of logs", "For how many days the log store's disk lasts at the growth of the last day.",
            metric("clamp_max(min(wardlight_store_disk_days_left), 3650)"), unit="d", marks=below(30, 7), named=YEARS,
        ),
        number(
            "Last backup", "How old the newest backup is; after two days an alert fires.",
            metric("time() - max(wardlight_backup_last_timestamp_seconds) or on () vector(-1)"), unit="s",
            marks=above(93_600, 172_800), named=NONE,
        ),
        number(
            "Restore drill", "Whether the newest backup could be restored when that was last tried.",
            metric("min(wardlight_backup_drill_success) or on () vector(-1)"), marks=UP,
            named={"1": ("Restored", "green"), "0": ("Failed", "red"), **NONE},
        ),
        bars(
            "Log store", "How much disk the logs of each kind take.",
            metric("sort_desc(sum by (kind) (wardlight_store_bytes))", "{{kind}}"), unit="bytes", width=10, height=6,
        ),
        bars(
            "Entries", "How many log records of each kind are kept.",
            metric("sort_desc(sum by (kind) (wardlight_store_records))", "{{kind}}"), width=10, height=6,
        ),
        graph(
            "Records received", "Log records that arrive a second, by protocol; a gap means that a sender is silent.",
            metric("sum by (protocol) (rate(wardlight_receive_records_total[$__rate_interval]))", "{{protocol}}"),
            unit="cps", stacked=True,
        ),
        graph(
            "Records not delivered", "Records for Wardlight that an application could not deliver, in each stretch of time.",
            metric(
                count("wardlight_sdk_records_total", vital.LOST, "$__rate_interval", ["outcome"]),
                "{{outcome}}",
            ), counts=True,
        ),
    ]  # fmt: skip


def _parts() -> list[Panel]:
    return [
        states(
            "Parts", "When Prometheus could reach each part of the platform, and when not.",
            metric("min by (job) (up)", "{{job}}"), named={"0": ("Down", "red"), "1": ("Up", "green")},
        ),
        listing(
            "Versions", "Which version of everything runs.",
            {"": (metric("group by (job, instance, version) (instance:version:info)"), "")},
            by={"job": "Part", "instance": "Address", "version": "Version"},
        ),
    ]  # fmt: skip
