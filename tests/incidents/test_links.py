"""Where an incident leads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.incidents.said import NOON, alert

from wardlight.incidents import Incident
from wardlight.incidents.links import Places, links, logql

HERE = Places(prometheus="http://prometheus:9090/", grafana="http://grafana:3000/")
INCIDENT = Incident(
    id=7, group_key="g", state="open", severity="critical", category="outage", title="DatabaseDown", started=NOON,
    labels={"alertname": "DatabaseDown", "service_name": 'por"tal', "patient_id": "nhs-9434765919", "user_id": "eb"},
    annotations={"runbook": "docs/alerts.md#databasedown"}, ended=NOON + timedelta(minutes=5), first_notice=NOON,
    last_notice=NOON, opened=NOON,
)  # fmt: skip


def found(name: str, incident: Incident = INCIDENT, places: Places = HERE, url: str = "") -> str | None:
    one = replace(alert(), generator_url=url)
    return next((it.url for it in links(incident, places, one) if it.name == name), None)


def test_logs_are_those_of_the_program_from_a_quarter_before_to_a_quarter_after() -> None:
    asked = parse_qs(urlsplit(found("Logs", places=Places()) or "").query)
    assert asked == {
        "query": ['{service_name="por\\"tal"}'],
        "start": ["1767267900000000000"],
        "end": ["1767270000000000000"],
    }


def test_in_grafana_logs_open_in_explore_at_that_time() -> None:
    asked = parse_qs(urlsplit(found("Logs") or "").query)
    pane = json.loads(asked["panes"][0])["a"]
    assert pane["queries"][0]["expr"] == '{service_name="por\\"tal"}'
    assert pane["range"] == {"from": "1767267900000", "to": "1767270000000"}


def test_a_rule_may_name_its_own_query() -> None:
    assert logql(replace(INCIDENT, annotations={"logs": '{kind="audit"} |= "export"'})) == '{kind="audit"} |= "export"'


@pytest.mark.parametrize(
    ("category", "query"),
    [("security", '{kind=~"security|audit"}'), ("data_access", '{kind=~"error|audit"}'), ("outage", None)],
)
def test_without_a_program_the_category_chooses(category: str, query: str | None) -> None:
    incident = replace(INCIDENT, labels={}, category=category)  # type: ignore[arg-type]
    assert logql(incident) == (query or '{kind=~"error|security"}')


def test_no_patient_and_no_user_is_in_any_of_them() -> None:
    every = " ".join(f"{it.url} {it.text}" for it in links(INCIDENT, HERE, alert()))
    assert "9434765919" not in every
    assert "user_id" not in every


def test_the_graph_is_prometheus_own_at_the_incidents_time() -> None:
    url = found("Graph", url="http://prometheus:9090/graph?g0.expr=pg_up&g0.tab=1") or ""
    asked = parse_qs(urlsplit(url).query)
    assert (asked["g0.expr"], asked["g0.range_input"]) == (["pg_up"], ["2100s"])
    assert asked["g0.end_input"] == ["2026-01-01 12:20:00"]


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "data:text/html,x", "//evil", "http://", "http://[", "/x"])
def test_only_addresses_of_the_web_are_links(url: str) -> None:
    assert found("Graph", url=url) is None
    assert found("Runbook", replace(INCIDENT, annotations={"runbook_url": url})) in (None, "")
    assert found("Dashboard", replace(INCIDENT, annotations={"dashboard": url})) == (
        "http://grafana:3000/d/wardlight-system?from=1767267900000&to=1767270000000"
    )


def test_a_runbook_that_is_no_address_is_named() -> None:
    (runbook,) = (it for it in links(INCIDENT, HERE) if it.name == "Runbook")
    assert (runbook.url, runbook.text) == ("", "docs/alerts.md#databasedown")


def test_without_grafana_the_console_shows_logs_and_boards() -> None:
    shown = links(replace(INCIDENT, annotations={}), Places())
    assert [(it.name, urlsplit(it.url).path) for it in shown] == [
        ("Logs", "/logs"),
        ("Dashboard", "/dashboards/wardlight-system"),
    ]
