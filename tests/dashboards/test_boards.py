"""What every board keeps to, whoever draws it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.boards import filled, targets

from wardlight import dashboards
from wardlight.dashboards.reference import page
from wardlight.query.parse import parse
from wardlight.records import KINDS
from wardlight.rules.model import PERSONAL
from wardlight.stack import render

BOARDS = dashboards.built()
KNOWN = {"prometheus", "wardlight-logs", "alertmanager"}
DRAWN = {
    "timeseries", "stat", "gauge", "bargauge", "table", "logs", "heatmap", "state-timeline", "alertlist", "text", "row",
}  # fmt: skip
"""The types that the console's own viewer draws too."""
WITHOUT_UNIT = {"row", "logs", "alertlist", "text", "table"}
board = pytest.mark.parametrize("uid", list(BOARDS))


def panels(uid: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = BOARDS[uid]["panels"]
    return found


def sources(value: Any) -> Iterator[str]:
    """Go through all data sources that are named anywhere."""
    if isinstance(value, dict):
        if isinstance(value.get("datasource"), dict):
            yield value["datasource"]["uid"]
        for below in value.values():
            yield from sources(below)
    elif isinstance(value, list):
        for below in value:
            yield from sources(below)


def test_the_four_boards_and_a_home_for_each_reader_are_there() -> None:
    titles = {board["title"] for board in BOARDS.values()}
    assert {"System Overview", "User Activity", "Performance Metrics", "Error Tracking"} <= titles
    homes = {uid for uid, board in BOARDS.items() if "wardlight-home" in board["tags"]}
    assert homes == {f"wardlight-home-{role}" for role in ("administrators", "support", "developers", "privacy")}


@board
def test_every_panel_has_a_title_help_and_a_unit(uid: str) -> None:
    for panel in panels(uid):
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith(".") or panel["description"].endswith(").")
        assert len(panel["description"].split()) >= 5, panel["title"]
        if panel["type"] not in WITHOUT_UNIT:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["fieldConfig"]["defaults"].get("thresholds") or panel["type"] == "heatmap"


@board
def test_panels_have_numbers_of_their_own_and_types_that_the_console_draws(uid: str) -> None:
    ids = [panel["id"] for panel in panels(uid)]
    assert len(set(ids)) == len(ids)
    assert {panel["type"] for panel in panels(uid)} <= DRAWN


@board
def test_no_panel_lies_over_another_or_beside_the_grid(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(uid):
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@board
def test_only_known_data_sources_are_asked(uid: str) -> None:
    assert set(sources(BOARDS[uid])) <= KNOWN | {"-- Grafana --"}
    for panel in panels(uid):
        assert {target["datasource"]["uid"] for target in panel.get("targets", ())} <= {"prometheus", "wardlight-logs"}


@board
def test_nobody_is_named_in_a_question_to_the_metrics(uid: str) -> None:
    for title, target in targets(BOARDS[uid]):
        if target["datasource"]["uid"] == "prometheus":
            assert not PERSONAL & set(re.findall(r"\w+", target["expr"])), title


@board
def test_questions_to_the_logs_are_logql_and_choose_by_the_variables(uid: str) -> None:
    for title, target in targets(BOARDS[uid]):
        if target["datasource"]["uid"] == "wardlight-logs":
            parse(filled(target["expr"]))
            assert "$service" in target["expr"] or 'service_name="wardlight"' in target["expr"], title


@board
def test_the_application_is_chosen_by_its_instance(uid: str) -> None:
    for title, target in targets(BOARDS[uid]):
        for selector in re.findall(r"\b(?:app|http_server)_\w+\{([^}]*)\}", target["expr"]):
            assert "$instance" in selector, title


@board
def test_a_graph_leads_to_the_logs_of_its_moment(uid: str) -> None:
    for panel in panels(uid):
        if panel["type"] == "timeseries":
            (link,) = panel["fieldConfig"]["defaults"]["links"]
            assert link["url"].startswith("/d/wardlight-logs?time=${__value.time}&time.window=")
            assert "${service:queryparam}" in link["url"]
            kinds = set(re.findall(r"var-kind=([^&]*)", link["url"]))
            assert kinds
            assert kinds <= set(KINDS)


@board
def test_environment_service_and_instance_can_be_chosen_and_deployments_are_marked(uid: str) -> None:
    names = [variable["name"] for variable in BOARDS[uid]["templating"]["list"]]
    assert names[:3] == ["environment", "service", "instance"]
    marks = BOARDS[uid]["annotations"]["list"][0]
    assert 'event_name="deployment"' in marks["expr"]
    assert marks["expr"] == marks["target"]["expr"]
    parse(filled(marks["expr"]))


def test_the_privacy_officers_home_shows_no_line_of_the_logs() -> None:
    assert not [panel for panel in panels("wardlight-home-privacy") if panel["type"] == "logs"]


def test_the_objective_is_that_of_the_alert() -> None:
    rules = next(path for path in render.rule_files() if path.stem == "slo").read_text()
    shown = next(panel for panel in panels("wardlight-performance") if panel["title"] == "Burn rate")
    assert "14.4 * 0.001" in rules
    assert shown["targets"][0]["expr"].endswith("/ 0.001")
    assert shown["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] == 14.4


def test_recordings_that_are_asked_for_are_recorded() -> None:
    recorded = {
        rule["record"]
        for file in render.rule_files()
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    for built in BOARDS.values():
        for title, target in targets(built):
            assert set(re.findall(r"\b(?:job|instance):\w+:\w+", target["expr"])) <= recorded, title


def test_the_same_board_is_built_every_time() -> None:
    assert json.dumps(dashboards.built()) == json.dumps(BOARDS)


def test_the_documentation_tells_what_each_panel_answers() -> None:
    for built in BOARDS.values():
        for panel in built["panels"]:
            assert panel["type"] == "row" or f"| {panel['title']} | {panel['description']} |" in page()
