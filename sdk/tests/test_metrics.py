"""The metrics that rules and dashboards rely on."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

import wardlight_sdk as wardlight
from wardlight_sdk.metrics import Recent

Count = Callable[..., float]


def test_logins_are_counted_by_outcome(count: Count) -> None:
    wardlight.user_login("u1")
    wardlight.user_login("u1", outcome="failure")
    wardlight.user_login("u2", outcome="failure")
    assert (count("app_logins_total", outcome="success"), count("app_logins_total", outcome="failure")) == (1, 2)


def test_features_are_counted(count: Count) -> None:
    wardlight.feature_use("booking")
    assert count("app_feature_uses_total", feature="booking") == 1


def test_accesses_are_counted_by_type_action_and_outcome(count: Count) -> None:
    wardlight.record_access("Patient", "p1", patient="p1", outcome="failure")
    assert count("app_record_accesses_total", record_type="Patient", action="R", outcome="failure") == 1


def test_sessions_are_active_from_start_to_end(count: Count) -> None:
    wardlight.session_start("s1")
    wardlight.session_start("s2")
    wardlight.session_end("s1")
    assert count("app_sessions_active") == 1


def test_a_session_that_began_before_this_process_counts_once_it_is_seen(count: Count) -> None:
    with wardlight.bound(session="older"):
        assert count("app_sessions_active") == 1


def test_ending_an_unknown_session_does_no_harm(count: Count) -> None:
    wardlight.session_end("never seen")
    assert count("app_sessions_active") == 0


def test_users_are_counted_once_each(count: Count) -> None:
    for user in ("u1", "u2", "u1"):
        with wardlight.bound(user=user):
            pass
    assert count("app_users_active") == 2


def test_the_version_that_runs_is_told(registry: CollectorRegistry, count: Count) -> None:
    wardlight.setup("clinic", version="2.4", endpoint="http://127.0.0.1:9", registry=registry)
    assert count("app_build_info", version="2.4") == 1


def test_a_name_counts_until_it_was_silent_for_the_window() -> None:
    now = 0.0
    recent = Recent(300, lambda: now)
    recent.see("u1")
    now = 200
    recent.see("u2")
    now = 301
    assert recent.count() == 1
    now = 501
    assert recent.count() == 0


def test_a_name_that_is_seen_again_counts_from_then() -> None:
    now = 0.0
    recent = Recent(300, lambda: now)
    recent.see("u1")
    now = 200
    recent.see("u1")
    now = 400
    assert recent.count() == 1
