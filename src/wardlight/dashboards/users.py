"""User Activity shows who works with the platform, how many, with what, and whether that is usual."""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import APP, ROUTES, SECONDS, STREAMS, count, logs, metric, rate, zero
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.looks import above
from wardlight.dashboards.panels import Panel, bars, graph, log, number

LOGIN = f'{{{STREAMS},kind="security"}} | event_name="user.login"'


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-users",
        "User Activity",
        "Who works with the platform, with what, and is that usual?",
        [
            Row("Now", _now()),
            Row("Sign-ins and sessions", _sessions()),
            Row("What people do", _work()),
            Row("Is it usual", [usual(*one) for one in _COMPARED]),
            Row("The week", _week()),
        ],
    )


def _now() -> list[Panel]:
    hour = count("app_logins_total", f'{APP},outcome=~"%s"', "1h")
    failed = f"{hour % 'failure'} / ({hour % '.*'} > 0)"
    return [
        number(
            "Active users", "People who did something in the last five minutes.",
            metric(f"sum(app_users_active{{{APP}}})"), course=True,
        ),
        number(
            "Sessions", "Sessions in use: not signed out, and not silent for half an hour.",
            metric(f"sum(app_sessions_active{{{APP}}})"), course=True,
        ),
        number("Sign-ins", "Successful sign-ins within the last hour.", metric(zero(hour % "success"))),
        number(
            "Failed sign-ins", "Share of the last hour's sign-ins that failed; people mistype, but not one in three.",
            metric(zero(failed)), unit="percentunit", marks=above(0.15, 0.33),
        ),
        number(
            "Records opened", "Accesses to records within the last hour, of any kind.",
            metric(zero(count("app_record_accesses_total", APP, "1h"))),
        ),
        number(
            "Requests", "Requests a second that people wait for.",
            metric(zero(rate(f"{SECONDS}_count", ROUTES))), unit="reqps", course=True,
        ),
    ]  # fmt: skip


def _sessions() -> list[Panel]:
    return [
        graph(
            "Sign-ins", "Sign-ins a minute that succeed and fail; many failures may be somebody guessing passwords.",
            metric(f"60 * {rate('app_logins_total', APP, ['outcome'])}", "{{outcome}}"),
            unit="cpm", kind="security", search="sign",
        ),
        graph(
            "Users and sessions", "How many people work, and in how many sessions.",
            metric(f"sum(app_users_active{{{APP}}})", "users"),
            metric(f"sum(app_sessions_active{{{APP}}})", "sessions"), kind="security",
        ),
        graph(
            "What happens to sessions", "Events of sessions in each stretch of time, from the security log.",
            logs(
                f'sum by (event_name) (count_over_time({{{STREAMS},kind="security"}} '
                '| event_name=~"session.*|user.*" [$__interval]))', "{{event_name}}",
            ), counts=True, kind="security",
        ),
        bars(
            "People by role", "How many different people signed in within the chosen time, by role.",
            logs(
                f'count by (user_role) (sum by (user_role, user_id) (count_over_time({LOGIN} '
                '| event_outcome="success" [$__range])))', "{{user_role}}",
            ), width=6,
        ),
        bars(
            "Why sign-ins fail", "Reasons for which sign-ins failed within the chosen time.",
            logs(
                zero(f'sum by (event_reason) (count_over_time({LOGIN} | event_outcome="failure" [$__range]))',
                     "event_reason"), "{{event_reason}}",
            ), width=6,
        ),
        log(
            "Latest sign-ins and sessions", "The newest lines of the security log.",
            logs(f'{{{STREAMS},kind="security"}}'), height=8,
        ),
    ]  # fmt: skip


def _work() -> list[Panel]:
    features = count("app_feature_uses_total", APP, "$__range", ["feature"])
    return [
        bars(
            "Features", "How often each feature was used within the chosen time, the most used first.",
            metric(f"sort_desc({features})", "{{feature}}"), height=10,
        ),
        graph(
            "Features over time", "Uses of each feature a minute.",
            metric(f"60 * {rate('app_feature_uses_total', APP, ['feature'])}", "{{feature}}"),
            unit="cpm", stacked=True, width=16, kind="application",
        ),
        *vital.deeds(),
    ]  # fmt: skip


_COMPARED = (
    ("requests", "Requests"), ("log-ins", "Log-ins"), ("record accesses", "Record accesses"),
    ("exported records", "Exported records"),
)  # fmt: skip


def usual(what: str, title: str, width: int = 12) -> Panel:
    """Compare with the same hour of the same weekday a week before, as the alert does."""
    chosen = f'{{what="{what}"}}'
    band = f"4 * sum(job:activity:usual_deviation{chosen}) + 0.05"
    return graph(
        f"{title}, and what is usual", "How many a second, beside what was usual at this hour a week ago; outside of it an alert fires.",
        metric(f"sum(job:activity:rate5m{chosen})", "now"),
        metric(f"sum(job:activity:usual{chosen})", "usual"),
        metric(f"1.5 * sum(job:activity:usual{chosen}) + {band}", "most that is usual"),
        metric(f"clamp_min(0.5 * sum(job:activity:usual{chosen}) - ({band}), 0)", "least that is usual"),
        unit="cps", width=width,
    )  # fmt: skip


def _week() -> list[Panel]:
    return [
        bars(
            "Seven days", "How many there were of everything in the last seven days.",
            metric("sum by (what) (job:usage:week)", "{{what}}"), height=6,
        ),
        bars(
            "Change over a week ago", "The last hour's activity, as a share of the same hour a week ago.",
            metric(
                "sum by (what) (avg_over_time(job:activity:rate5m[1h])) / (sum by (what) (job:activity:usual) > 0)",
                "{{what}}",
            ), unit="percentunit", width=16, height=6,
        ),
    ]  # fmt: skip
