"""Home of support: what do callers feel, and is it known."""

from __future__ import annotations

from wardlight.dashboards import vital
from wardlight.dashboards.asked import APP, ROUTES, SECONDS, STREAMS, count, logs, metric, rate, zero
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.looks import above
from wardlight.dashboards.panels import Panel, alerts, bars, graph, number

REFUSED = f'{{{STREAMS},kind="security"}} | event_outcome="failure"'


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-home-support",
        "Home of support",
        "What do the people who call feel, and is it known?",
        [
            Row("Does it work", _vital()),
            Row("Is it known", _known()),
            Row("Can people sign in", _sign_in()),
            Row("Is it slow, does it fail", [vital.durations(), vital.failures(), *_features()]),
            Row("What people see", [vital.latest()]),
        ],
        home=True,
    )


def _vital() -> list[Panel]:
    return [
        vital.application(), vital.records(), vital.failing(), vital.quick(), vital.incidents(),
        number(
            "Working now", "People who did something in the last five minutes.",
            metric(f"sum(app_users_active{{{APP}}})"), course=True,
        ),
    ]  # fmt: skip


def _known() -> list[Panel]:
    return [
        alerts("What fires", "Alerts that fire or are about to, the most important first."),
        vital.versions(),
    ]  # fmt: skip


def _sign_in() -> list[Panel]:
    return [
        graph(
            "Sign-ins", "Sign-ins a minute that succeed and fail.",
            metric(f"60 * {rate('app_logins_total', APP, ['outcome'])}", "{{outcome}}"), unit="cpm", kind="security",
        ),
        bars(
            "Refused", "Why people were refused within the chosen time: a wrong password, a missing permission.",
            logs(
                zero(
                    f"sum by (event_name, event_reason, permission_name) (count_over_time({REFUSED} [$__range]))",
                    "event_name",
                ), "{{event_name}} {{event_reason}}{{permission_name}}",
            ), marks=above(1, 100), width=6,
        ),
        bars(
            "Refused by role", "In which roles people were refused within the chosen time.",
            logs(zero(f"sum by (user_role) (count_over_time({REFUSED} [$__range]))", "user_role"), "{{user_role}}"),
            marks=above(1, 100), width=6,
        ),
    ]  # fmt: skip


def _features() -> list[Panel]:
    failed = f'{ROUTES},http_response_status_code=~"5.."'
    return [
        graph(
            "Features in use", "Uses of each feature a minute: one that falls to zero by day is broken or hidden.",
            metric(f"60 * {rate('app_feature_uses_total', APP, ['feature'])}", "{{feature}}"), unit="cpm", stacked=True,
        ),
        bars(
            "What fails", "Server errors within the chosen time, by route.",
            metric(
                zero(f"sort_desc({count(f'{SECONDS}_count', failed, '$__range', ['http_route'])} > 0)",
                     "http_route"), "{{http_route}}",
            ), marks=above(1, 100), width=12,
        ),
    ]  # fmt: skip
