"""Rules and alerts as Grafana asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.rules.conftest import House, always

from wardlight.api import rules
from wardlight.rules.model import Sample

FILE = """
groups:
  - name: log-ins
    limit: 9
    rules:
      - alert: FailedLogins
        expr: vector(21)
        for: 1m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations: {summary: "{{ $value }} in {{ $labels.app }}"}
      - record: app:lines
        expr: vector(2)
        labels: {team: t}
"""


@pytest.fixture
def client(house: House) -> TestClient:
    house.file(FILE)
    house.file("groups: [{name: other, rules: [{alert: Quiet, expr: vector(0)}]}]", "b.yml")
    house.answers.say = lambda query, _at: [] if "0" in query else [Sample({"app": "x"}, 21.0)]
    house.look()
    app = FastAPI()
    app.include_router(rules.router(house.ruler))
    return TestClient(app)


def ask(client: TestClient, path: str = "rules", **params: Any) -> Any:
    answer = client.get(
        f"/prometheus/api/v1/{path}", params={key.replace("_many", "[]"): v for key, v in params.items()}
    )
    assert answer.status_code == 200
    assert answer.json()["status"] == "success"
    return answer.json()["data"]


def named(client: TestClient, **params: Any) -> dict[str, list[str]]:
    groups = ask(client, **params)["groups"]
    return {group["name"]: [rule["name"] for rule in group["rules"]] for group in groups}


def test_rules_are_shown_in_prometheus_shape(client: TestClient, house: House) -> None:
    house.minute(2)
    first, second = ask(client)["groups"]
    alerting, recording = first["rules"]
    for shown in (first, alerting, recording):
        assert shown.pop("lastEvaluation").startswith("2026-01-01T00:0")
        assert shown.pop("evaluationTime") == 0
    activated = alerting["alerts"][0].pop("activeAt")
    assert activated.endswith("Z")
    del first["rules"]
    assert first == {"name": "log-ins", "file": "a.yml", "interval": 60.0, "limit": 9}
    assert alerting == {
        "type": "alerting", "name": "FailedLogins", "query": "vector(21)", "state": "firing", "health": "ok",
        "lastError": "", "duration": 60.0, "keepFiringFor": 300.0, "labels": {"severity": "warning"},
        "annotations": {"summary": "{{ $value }} in {{ $labels.app }}"},
        "alerts": [
            {
                "state": "firing", "value": "2.1e+01", "annotations": {"summary": "21 in x"},
                "labels": {"alertname": "FailedLogins", "app": "x", "severity": "warning"},
            }
        ],
    }  # fmt: skip
    assert recording == {
        "type": "recording", "name": "app:lines", "query": "vector(2)", "health": "ok", "lastError": "",
        "labels": {"team": "t"},
    }  # fmt: skip
    assert second["rules"][0]["state"] == "inactive"


def test_rules_are_chosen_by_type_name_group_and_file(client: TestClient) -> None:
    assert named(client) == {"log-ins": ["FailedLogins", "app:lines"], "other": ["Quiet"]}
    assert named(client, type="alert") == {"log-ins": ["FailedLogins"], "other": ["Quiet"]}
    assert named(client, type="record") == {"log-ins": ["app:lines"]}
    assert named(client, rule_name_many=["Quiet", "app:lines"]) == {"log-ins": ["app:lines"], "other": ["Quiet"]}
    assert named(client, rule_group_many="other") == {"other": ["Quiet"]}
    assert named(client, file_many="a.yml", type="alert") == {"log-ins": ["FailedLogins"]}
    assert "alerts" not in ask(client, exclude_alerts="true")["groups"][0]["rules"][0]


def test_another_type_is_refused(client: TestClient) -> None:
    answer = client.get("/prometheus/api/v1/rules", params={"type": "all"})
    assert answer.status_code == 400
    assert answer.json()["errorType"] == "bad_data"


def test_alerts_are_those_that_are_pending_or_firing(client: TestClient, house: House) -> None:
    (alert,) = ask(client, "alerts")["alerts"]
    assert (alert["state"], alert["labels"]["app"]) == ("pending", "x")
    house.minute()
    house.answers.say = lambda _query, _at: []
    house.minute()
    (alert,) = ask(client, "alerts")["alerts"]
    assert alert["state"] == "firing"
    assert alert["keepFiringSince"] > alert["activeAt"]
    house.minute(6)
    assert ask(client, "alerts")["alerts"] == []


def test_a_broken_file_is_told(client: TestClient, house: House) -> None:
    house.file(FILE.replace("for:", "fro:"))
    house.answers.say = always(app="x")
    house.look()
    answer = client.get("/prometheus/api/v1/rules").json()
    fault = "a.yml:8: group \"log-ins\", rule 1: unknown field 'fro'"
    assert answer["warnings"] == [fault]
    first, second = answer["data"]["groups"]
    assert first["rules"][0]["lastError"] == fault
    assert second["rules"][0]["lastError"] == ""
