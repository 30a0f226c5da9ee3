"""Home of privacy officers: how records are used, whether that is usual, and whether the trail can be trusted.

Figures only: no patient and no user is named here. Who it was is asked in the console, under the reader's own rights.
"""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import APP, STREAMS, count, logs, metric, rate, zero
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.looks import ANY, above
from wardlight.dashboards.panels import Panel, alerts, bars, graph, note, number
from wardlight.dashboards.users import usual

AUDIT = f'{{{STREAMS},kind="audit"}} | event_name="record.access"'
DENIED = f'{{{STREAMS},kind="security"}} | event_name="permission.denied"'
WATCHED = 'alertname!="Watchdog",category=~"security|data_access|usage"'


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-home-privacy",
        "Home of privacy officers",
        "How are records used, is that usual, and can the trail be trusted?",
        [
            Row("Today", _today()),
            Row("How records are used", _use()),
            Row("Is it usual", [usual("record accesses", "Record accesses"), usual("exported records", "Exports")]),
            Row("What was refused", _refused()),
            Row("Can the trail be trusted", _trust()),
        ],
        home=True,
        since="now-24h",
    )


def _today() -> list[Panel]:
    exported = count("app_records_exported_total", APP, "1d")
    return [
        number(
            "Records opened", "Accesses to records within the last day, of any kind.",
            metric(zero(count("app_record_accesses_total", APP, "1d"))),
        ),
        number(
            "Records exported", "Patient records that left by export within the last day; 500 in five minutes raise an alert.",
            metric(zero(exported)), marks=above(5_000, 20_000),
        ),
        number(
            "Emergency access", "Accesses for which people claimed an emergency within the chosen time; each deserves a look.",
            logs(zero(f'sum(count_over_time({AUDIT} | health_purpose="ETREAT" [$__range]))')), marks=above(20, 100),
        ),
        number(
            "Permissions denied", "How often somebody tried within the chosen time what they may not.",
            logs(zero(f"sum(count_over_time({DENIED} [$__range]))")), marks=above(100, 1000),
        ),
        number(
            "People who read", "How many different people opened records within the chosen time.",
            logs(
                zero(f'count(sum by (user_id) (count_over_time({AUDIT} | health_action="R" | user_id!="" [$__range])))')
            ),
        ),
        number(
            "Legal holds", "Holds that keep logs beyond their time.",
            metric(zero("sum(wardlight_legal_holds)")),
        ),
        note(
            "Who it was", "Where names are: in the console, where each look is itself recorded.",
            "Nobody is named here. Who opened whose record is asked under **Audit** in Wardlight's console; asking is recorded too.",
        ),
    ]  # fmt: skip


def _use() -> list[Panel]:
    return [
        *vital.deeds(),
        bars(
            "By purpose", "For which purposes records were opened within the chosen time (TREAT: treatment, ETREAT: emergency, "
            "HPAYMT: payment, HOPERAT: operations).",
            logs(f'sum by (health_purpose) (count_over_time({AUDIT} | health_purpose!="" [$__range]))',
                 "{{health_purpose}}"),
        ),
        bars(
            "By role", "In which roles people opened records within the chosen time.",
            logs(f'sum by (user_role) (count_over_time({AUDIT} | user_role!="" [$__range]))', "{{user_role}}"),
        ),
        bars(
            "Patients by role", "Of how many different patients each role opened records within the chosen time.",
            logs(
                f'count by (user_role) (sum by (user_role, health_patient_id) (count_over_time({AUDIT} '
                '| health_patient_id!="" [$__range])))', "{{user_role}}",
            ),
        ),
    ]  # fmt: skip


def _refused() -> list[Panel]:
    failed = rate("app_record_accesses_total", f'{APP},outcome!="success"')
    return [
        alerts("What fires", "Alerts about security, access to data and use that fire or are about to.", matching=WATCHED,
               width=8),
        graph(
            "Permissions denied", "How often somebody tried in each stretch of time what they may not, by role.",
            logs(zero(f"sum by (user_role) (count_over_time({DENIED} [$__interval]))", "user_role"), "{{user_role}}"),
            counts=True, width=8, kind="security", search="denied",
        ),
        graph(
            "Failed accesses", "Accesses to records a minute that failed.",
            metric(f"60 * ({zero(failed)})", "failed"), unit="cpm", width=8, kind="audit",
        ),
    ]  # fmt: skip


def _trust() -> list[Panel]:
    verified = "wardlight_ledger_verified_timestamp_seconds"
    return [
        vital.trail(),
        number(
            "Verification", "Whether the ledger's own check found everything as it was signed.",
            metric("max(wardlight_ledger_verification_failed)"), marks=ANY,
            named={"0": ("Unchanged", "green"), "1": ("Altered", "red")},
        ),
        number(
            "Last verified", "How long ago the whole ledger was last checked.",
            metric(f"time() - max({verified})"), unit="s", marks=above(129_600, 259_200),
        ),
        number(
            "Not searchable yet", "Audit events that are recorded and can't be searched yet; it should be few.",
            metric("max(wardlight_audit_projection_lag_entries)"), marks=above(1_000, 10_000),
        ),
        number(
            "Lost", "Records that applications could not deliver within the last day; audit events may be among them.",
            metric(zero(count("wardlight_sdk_records_total", vital.LOST, "1d"))),
            marks=ANY,
        ),
        number(
            "Events kept", "How many audit events are kept.",
            metric('sum(wardlight_store_records{kind="audit"})'),
        ),
        graph(
            "Audit events", "Audit events that arrive a minute, by the format in which they were told.",
            metric("60 * sum by (format) (rate(wardlight_audit_events_total[$__rate_interval]))", "{{format}}"),
            unit="cpm", stacked=True, kind="audit",
        ),
        graph(
            "Looks at the trail", "How often the audit trail itself was asked in each stretch of time.",
            logs(
                zero('sum by (event_outcome) (count_over_time({kind="audit",service_name="wardlight"} [$__interval]))',
                     "event_outcome"), "{{event_outcome}}",
            ), counts=True, kind="audit",
        ),
    ]  # fmt: skip
