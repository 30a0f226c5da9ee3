"""A board: variables, links to the other boards, marks for what was changed, and rows of panels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard, loki
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import DataSourceRef

from wardlight.dashboards.asked import LOGS, METRICS
from wardlight.dashboards.folders import HOME, TAG, Json
from wardlight.dashboards.panels import Panel

DEPLOYED = '{service_name=~".+"} | event_name="deployment" | deployment_environment=~"$environment"'
"""What was deployed, from the log store: environment and service are the deployment's own."""
_COLUMNS = 24


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


def board(
    uid: str, title: str, says: str, rows: Sequence[Row], *, home: bool = False, since: str = "now-1h",
    more: Sequence[dashboard.TextBoxVariable | dashboard.CustomVariable] = (),
) -> Json:  # fmt: skip
    """Compose a board as Grafana's JSON; `says` is the question that it answers."""
    built = dashboard.Dashboard(title).uid(uid).description(says).tags([TAG, *([HOME] if home else [])])
    built = built.time(since, "now").refresh("30s").tooltip(models.DashboardCursorSync.CROSSHAIR).editable()
    built = built.timezone("browser").variables([*_variables(), *more]).annotations([_deployments(), _maintenance()])
    built = built.links([_boards("Boards", TAG)])
    at = 0
    for row in rows:
        built = built.with_row(dashboard.Row(row.title).id(at := at + 1))
        _level(row.panels)
        for panel in row.panels:
            built = built.with_panel(panel.id(at := at + 1))
    composed: Json = json.loads(json.dumps(built.build(), cls=JSONEncoder), object_hook=_without_menus)
    return composed


def _level(panels: Sequence[Panel]) -> None:
    """Make panels that stand side by side equally tall."""
    line: list[models.GridPos] = []
    for place in (panel.build().grid_pos for panel in panels):
        if place is None or sum(each.w for each in line) + place.w > _COLUMNS:
            raise ValueError("a panel has no width, or lies beside the grid")
        line.append(place)
        if sum(each.w for each in line) == _COLUMNS:
            tallest = max(each.h for each in line)
            for each in line:
                each.h = tallest
            line = []


def _without_menus(found: Json) -> Json:
    """Leave out what would hide links and marks in a menu, as the SDK has it by default."""
    return {name: value for name, value in found.items() if (name, value) != ("placement", "inControlsMenu")}


def _variables() -> list[dashboard.QueryVariable]:
    """Environment and service choose logs, instance chooses the application's metrics."""
    return [
        _variable("environment", "Environment", LOGS, "label_values(deployment_environment)"),
        _variable("service", "Service", LOGS, "label_values(service_name)"),
        _variable("instance", "Instance", METRICS, 'label_values(up{job="application"}, instance)'),
    ]


def _variable(name: str, label: str, source: DataSourceRef, query: str) -> dashboard.QueryVariable:
    """Take a variable's values from a data source; first all are chosen, and with them what lacks the label."""
    asked = dashboard.QueryVariable(name).label(label).datasource(source).query(query).definition(query)
    asked = (
        asked.multi(multi=True).include_all(include_all=True).all_value(".*").sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    every = models.VariableOption(selected=True, text=["All"], value=["$__all"])
    return asked.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).current(every)


def _deployments() -> dashboard.AnnotationQuery:
    """Mark deployments on every graph."""
    marks = dashboard.AnnotationQuery().name("Deployments").datasource(LOGS).enable(enable=True).icon_color("blue")
    marks = marks.expr(DEPLOYED).title_format("{{service_name}} {{service_version}}").tag_keys("deployment_environment")
    return marks.target(loki.Dataquery().expr(DEPLOYED).query_type("range").ref_id("Deployments").max_lines(100))


def _maintenance() -> dashboard.AnnotationQuery:
    """Mark maintenance windows, which Wardlight itself notes in Grafana."""
    ours = DataSourceRef(type_val="grafana", uid="-- Grafana --")
    marks = dashboard.AnnotationQuery().name("Maintenance").datasource(ours).enable(enable=True).icon_color("purple")
    tagged: Any = dashboard.AnnotationTarget().limit(100).match_any(match_any=False).tags([TAG]).type("tags")
    return marks.target(tagged)  # the builder's type forgets this kind of query


def _boards(title: str, tag: str) -> dashboard.DashboardLink:
    """Lead to the other boards, with the same time and choices."""
    link = dashboard.DashboardLink(title).type(models.DashboardLinkType.DASHBOARDS).tags([tag])
    return link.as_dropdown(as_dropdown=True).include_vars(include_vars=True).keep_time(keep_time=True)
