"""Deployments that are told of."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from tests.changes.conftest import NOON, Logged

from wardlight.changes import Deployments
from wardlight.changes import deployments as module
from wardlight.changes.deployments import NewDeployment
from wardlight.clock import ManualClock
from wardlight.problems import BadInput
from wardlight.store.state import State

PORTAL = NewDeployment(service="portal", version="2.4.1", commit="9fceb02", by="ann", note="new calendar")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"service": ""}, "service: 1 to 63"),
        ({"service": "a b"}, "service: 1 to 63"),
        ({"service": "x" * 64}, "service: 1 to 63"),
        ({"version": "1\n2"}, "version: 1 to 100"),
        ({"version": ""}, "version: 1 to 100"),
        ({"environment": '"'}, "environment: 1 to 63"),
        ({"commit": "x" * 501}, "commit: longer than 500"),
        ({"note": "a\x1b[31m"}, "note: has control characters"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    deployments: Deployments, wrong: dict[str, str], reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        deployments.record(NewDeployment(**{"service": "portal", "version": "1", **wrong}))
    assert deployments.listed() == []


def test_it_is_kept_with_the_time_when_it_was_told(deployments: Deployments) -> None:
    made = deployments.record(PORTAL)
    assert (made.id, made.at, made.environment, made.commit) == (1, NOON, "production", "9fceb02")
    assert deployments.listed() == [made]


def test_it_is_a_line_beside_the_services_own(deployments: Deployments, logged: Logged) -> None:
    deployments.record(PORTAL)
    ((event, line, attributes),) = logged
    assert (event, line) == ("deployment", "portal 2.4.1 deployed to production by ann: new calendar")
    assert attributes == {
        "service.name": "portal",
        "service.version": "2.4.1",
        "deployment.environment.name": "production",
        "deployment.id": "1",
        "deployment.by": "ann",
        "vcs.ref.head.revision": "9fceb02",
    }


def test_told_again_with_the_same_key_it_is_the_same(deployments: Deployments, logged: Logged) -> None:
    assert deployments.record(PORTAL, "build-7") == deployments.record(PORTAL, "build-7")
    assert deployments.record(PORTAL).id == deployments.record(PORTAL).id - 1 == 2
    assert len(logged) == 3


def test_they_are_listed_by_service_environment_and_time(deployments: Deployments, clock: ManualClock) -> None:
    for service, environment in (("portal", "production"), ("billing", "production"), ("portal", "staging")):
        deployments.record(NewDeployment(service=service, version="1", environment=environment))
        clock.advance(3600)
    assert [it.id for it in deployments.listed()] == [3, 2, 1]
    assert [it.id for it in deployments.listed("portal")] == [3, 1]
    assert [it.id for it in deployments.listed("portal", "staging")] == [3]
    assert [it.id for it in deployments.listed(since=NOON + timedelta(hours=1))] == [3, 2]
    assert [it.id for it in deployments.listed(limit=1)] == [3]
    with pytest.raises(BadInput, match="since: a time needs its zone"):
        deployments.listed(since=datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_newest_of_each_service_and_environment_runs(deployments: Deployments) -> None:
    for version, environment in (("1", "production"), ("2", "staging"), ("3", "production")):
        deployments.record(NewDeployment(service="portal", version=version, environment=environment))
    assert [(it.environment, it.version) for it in deployments.latest()] == [("production", "3"), ("staging", "2")]


def test_metrics_count_them_and_say_what_runs(deployments: Deployments, registry: CollectorRegistry) -> None:
    deployments.record(PORTAL)
    deployments.record(NewDeployment(service="portal", version="2.4.2"))
    where = {"service": "portal", "environment": "production"}
    value = registry.get_sample_value
    assert value("wardlight_deployments_total", {"service": "portal"}) == 2
    assert value("wardlight_deployment_info", {**where, "version": "2.4.2"}) == 1
    assert value("wardlight_deployment_info", {**where, "version": "2.4.1"}) is None
    assert value("wardlight_deployment_timestamp_seconds", where) == NOON.timestamp()


def test_the_number_of_services_in_metrics_is_bounded(
    deployments: Deployments, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SERVICES", 2)
    for service in ("c", "a", "b"):
        deployments.record(NewDeployment(service=service, version="1"))
    shown = {sample.labels["service"] for metric in registry.collect() for sample in metric.samples}
    assert shown == {"a", "b"}


def test_counts_outlive_a_restart(deployments: Deployments, state: State, clock: ManualClock, logged: Logged) -> None:
    deployments.record(PORTAL)
    after = CollectorRegistry()
    Deployments(state, clock, registry=after, log=lambda *event: logged.append(event))
    assert after.get_sample_value("wardlight_deployments_total", {"service": "portal"}) == 1
