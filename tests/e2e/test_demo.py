"""The whole platform: a clinic that is watched, broken in every way it knows, and told about."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.running import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

PHASES = (
    (
        "chart-browsing", "cpu-burn", "mass-export", "passwords-guessed", "permission-denials", "records-hidden",
        "failed-logins", "new-administrator", "new-version", "maintenance-window", "deployment", "week-over",
    ),
    ("connections-taken",),
    ("error-burst",),
    ("slow-queries",),
    ("records-locked",),
    ("application-killed",),
    ("database-stopped",),
)  # fmt: skip
"""Faults that don't disturb each other, together; the slowest to be noticed first."""
SLOW = ("chart-browsing", "cpu-burn")
"""Faults that may go on while others come."""


def eventually(true: Callable[[], object], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def alerts(clinic: Installation) -> set[str]:
    answer = httpx.get(f"{clinic.server}/api/v1/incidents", params={"state": "all"}, timeout=10).raise_for_status()
    return {incident["labels"]["alertname"] for incident in answer.json()["incidents"]}


@pytest.fixture(scope="module")
def faults(clinic: Installation) -> dict[str, str]:
    """The clinic's own list: fault to the alert that it should provoke."""
    return {fault["name"]: fault["alert"] for fault in json.loads(clinic.wardlight("demo", "list", "--json").stdout)}


@pytest.fixture(scope="module")
def raised(clinic: Installation, faults: dict[str, str]) -> set[str]:
    """Break everything, one phase after the other, and collect the alerts that became incidents."""
    for phase in PHASES:
        for fault in phase:
            assert clinic.wardlight("demo", "break", fault).returncode == 0
        awaited = {faults[fault] for fault in phase if fault not in SLOW}
        eventually(lambda awaited=awaited: awaited <= alerts(clinic), 90)
        for fault in phase:
            if fault not in SLOW:
                clinic.wardlight("demo", "mend", fault)
    eventually(lambda: {faults[fault] for fault in SLOW} <= alerts(clinic), 90)
    for fault in SLOW:
        clinic.wardlight("demo", "mend", fault)
    return alerts(clinic)


def test_all_is_healthy_and_every_target_is_up(clinic: Installation) -> None:
    assert eventually(lambda: clinic.status()["healthy"], 30), clinic.status()
    jobs = {target["job"] for target in clinic.status()["targets"]}
    assert jobs == {
        "wardlight", "application", "postgres", "canary", "probe", "node", "blackbox", "prometheus", "alertmanager",
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_other_peoples_programs_do_not_run_as_root(clinic: Installation) -> None:
    pids = {part["name"]: part["pid"] for part in clinic.status()["parts"]}
    owner = Path(f"/proc/{pids['prometheus']}").stat().st_uid
    assert owner != 0


def test_every_fault_of_the_list_is_tried(faults: dict[str, str]) -> None:
    assert {fault for phase in PHASES for fault in phase} == set(faults)


@pytest.mark.parametrize("fault", [fault for phase in PHASES for fault in phase])
def test_a_fault_becomes_an_incident(raised: set[str], faults: dict[str, str], fault: str) -> None:
    assert faults[fault] in raised


@pytest.mark.parametrize("kind", ["application", "security", "audit", "error"])
@pytest.mark.usefixtures("raised")  # errors come with the faults
def test_logs_of_every_kind_can_be_asked_for(clinic: Installation, kind: str) -> None:
    answer = httpx.get(
        f"{clinic.server}/loki/api/v1/query_range",
        params={"query": f'{{service_name="willow-clinic",kind="{kind}"}}', "limit": 10},
        timeout=30,
    )
    assert answer.raise_for_status().json()["data"]["result"]


def test_down_leaves_no_process(clinic: Installation) -> None:
    assert clinic.processes()
    assert clinic.wardlight("down").returncode == 0
    assert clinic.processes() == []
