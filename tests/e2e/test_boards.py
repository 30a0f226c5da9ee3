"""No panel of any board is empty in the demo: every query is run, and none names anybody."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from tests.boards import ask, targets
from tests.running import Installation

from wardlight import dashboards
from wardlight.rules.model import PERSONAL

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

SECONDS = 120
"""So long after the demo is ready the last panel may be empty: rates need a while, and somebody must mistype a password."""


@pytest.fixture(scope="module")
def servers(clinic: Installation) -> Mapping[str, str]:
    return {"prometheus": f"http://127.0.0.1:{clinic.ports['prometheus_port']}", "wardlight-logs": clinic.server}


@pytest.fixture(scope="module")
def deadline(servers: Mapping[str, str]) -> float:
    return time.monotonic() + SECONDS


def has_data(series: Mapping[str, Any]) -> bool:
    """Whether a stream has lines, or a series a number."""
    values = [series["value"]] if "value" in series else series["values"]
    return "stream" in series or any(not math.isnan(float(value)) for _, value in values)


@pytest.mark.parametrize("uid", list(dashboards.built()))
def test_every_query_of_every_panel_returns_data(uid: str, servers: Mapping[str, str], deadline: float) -> None:
    empty = list(targets(dashboards.built()[uid]))
    while empty and time.monotonic() < deadline:
        empty = [(title, target) for title, target in empty if not any(map(has_data, ask(target, servers)))]
        if empty:
            time.sleep(1)
    assert [(title, target["expr"]) for title, target in empty] == []


@pytest.mark.parametrize("uid", list(dashboards.built()))
def test_no_figure_carries_the_name_of_anybody(uid: str, servers: Mapping[str, str]) -> None:
    for title, target in targets(dashboards.built()[uid]):
        if "maxLines" not in target:  # lines are shown as far as their reader may see them
            for series in ask(target, servers):
                assert not PERSONAL & set(series["metric"]), title


@pytest.mark.parametrize("name", ["environment", "service", "instance"])
def test_every_variable_has_something_to_choose(name: str, servers: Mapping[str, str]) -> None:
    built = dashboards.built()["wardlight-system"]["templating"]["list"]
    variable = next(each for each in built if each["name"] == name)
    assert choices(variable["query"], servers), variable["query"]


def choices(query: str, servers: Mapping[str, str]) -> list[Any]:
    """Ask for a variable's values, as Grafana does: `label_values(selector, label)` of metrics, else of logs."""
    *selector, label = query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
    base = f"{servers['prometheus']}/api/v1" if selector else f"{servers['wardlight-logs']}/loki/api/v1"
    answer = httpx.get(f"{base}/label/{label}/values", params={"match[]": selector} if selector else {}, timeout=30)
    found: list[Any] = answer.raise_for_status().json()["data"]
    return found
