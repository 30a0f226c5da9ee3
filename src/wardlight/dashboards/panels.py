"""Panels, each with a title, a sentence of help, a unit and a size; a board sets them side by side.

Widths are columns of Grafana's grid, 24 to a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    gauge,
    heatmap,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.builders import logs as lines
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LogsSortOrder,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from wardlight.dashboards.asked import ALERTS, LOGS, METRICS, Query
from wardlight.dashboards.looks import PLAIN, Marks, thresholds, to_logs, words

Panel = (
    bargauge.Panel | dashboard.Panel | gauge.Panel | heatmap.Panel | lines.Panel | stat.Panel | statetimeline.Panel
    | table.Panel | text.Panel | timeseries.Panel
)  # fmt: skip
_P = TypeVar(
    "_P", bargauge.Panel, gauge.Panel, heatmap.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel
)
_Of = TypeVar("_Of", bargauge.Panel, gauge.Panel, stat.Panel)
Words = Mapping[str, tuple[str, str]]

LINES = 200
"""Log lines that a panel asks for."""


def number(
    title: str, says: str, query: Query, *, unit: str = "short", marks: Marks = PLAIN, named: Words | None = None,
    width: int = 4, course: bool = False,
) -> Panel:  # fmt: skip
    """Show one value now, with `course` also how it came to be."""
    panel = _start(stat.Panel(), title, says, (query,), unit=unit, marks=marks, now=not course, size=(width, 4))
    panel = _last(panel).color_mode(BigValueColorMode.VALUE if marks is PLAIN else BigValueColorMode.BACKGROUND)
    panel = panel.graph_mode(BigValueGraphMode.AREA if course else BigValueGraphMode.NONE)
    return panel.mappings(words(named)) if named else panel


def dial(title: str, says: str, query: Query, *, unit: str, marks: Marks, most: float = 1, width: int = 4) -> Panel:
    """Show how much of something is taken."""
    panel = _start(gauge.Panel(), title, says, (query,), unit=unit, marks=marks, now=True, size=(width, 6))
    return _last(panel).min(0).max(most)


def bars(
    title: str, says: str, *queries: Query, unit: str = "short", marks: Marks = PLAIN, most: float | None = None,
    width: int = 8, height: int = 8,
) -> Panel:  # fmt: skip
    """Compare values, one bar each."""
    panel = _start(bargauge.Panel(), title, says, queries, unit=unit, marks=marks, now=True, size=(width, height))
    panel = _last(panel).orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC).min(0)
    return panel if most is None else panel.max(most)


def graph(
    title: str, says: str, *queries: Query, unit: str = "short", marks: Marks | None = None, most: float | None = None,
    least: float | None = 0, stacked: bool = False, counts: bool = False, width: int = 12,
    kind: str = "application|error|security", search: str = "",
) -> Panel:  # fmt: skip
    """Show courses over time, or with `counts` how many there were in each stretch of it.

    A click on a point leads to the logs of that moment, of the kinds that `kind` joins by `|` and with `search` in them.
    """
    panel = _start(timeseries.Panel(), title, says, queries, unit=unit, marks=marks or PLAIN, size=(width, 8))
    panel = panel.line_width(1).fill_opacity(40 if stacked else 10).show_points(VisibilityMode.NEVER)
    panel = panel.data_links([to_logs(kind, search)])
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = panel.legend(legend.show_legend(True).calcs([]))
    panel = panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    if counts:
        panel = panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80)
    if stacked or counts:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if marks:
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE))
    if least is not None:
        panel = panel.min(least)
    return panel if most is None else panel.max(most)


def spread(title: str, says: str, query: Query, *, unit: str, width: int = 12) -> Panel:
    """Show how a histogram's buckets fill over time."""
    panel = heatmap.Panel()
    panel = panel.title(title).description(says).datasource(query.source).span(width).height(8).unit(unit)
    panel = panel.with_target(query.metric("A", now=False, shape=PromQueryFormat.HEATMAP))
    return panel.calculate(calculate=False).y_axis(heatmap.YAxisConfig().unit(unit)).show_legend()


def states(title: str, says: str, *queries: Query, named: Words, width: int = 12, height: int = 8) -> Panel:
    """Show when something was in which state."""
    panel = _start(statetimeline.Panel(), title, says, queries, unit="short", marks=PLAIN, size=(width, height))
    panel = panel.mappings(words(named)).show_value(VisibilityMode.NEVER).merge_values(merge_values=True)
    return panel.row_height(0.8).fill_opacity(80).line_width(0)


def listing(
    title: str, says: str, columns: Mapping[str, tuple[Query, str]], *, by: Mapping[str, str], width: int = 12,
    height: int = 8,
) -> Panel:  # fmt: skip
    """Show a table now: a line for each set of the labels `by` (label to heading), a column for each query and its unit.

    A column without a unit is not shown: its query only says which lines there are.
    """
    panel = table.Panel().title(title).description(says).datasource(METRICS).span(width).height(height)
    renamed, order, hidden = dict(by), {name: at for at, name in enumerate(by)}, {"Time": True}
    for at, (heading, (query, unit)) in enumerate(columns.items()):
        ref = ascii_uppercase[at]
        panel = panel.with_target(query.metric(ref, now=True, shape=PromQueryFormat.TABLE))
        value = f"Value #{ref}" if len(columns) > 1 else "Value"
        renamed[value], order[value] = heading, len(by) + at
        if unit:
            panel = panel.override_by_name(heading, [DynamicConfigValue("unit", unit)])
        else:
            hidden[value] = True
    arranged = {"excludeByName": hidden, "indexByName": order, "renameByName": renamed}
    return panel.transformations(
        [DataTransformerConfig("merge", options={}), DataTransformerConfig("organize", options=arranged)]
    )


def log(title: str, says: str, query: Query, *, width: int = 24, height: int = 10) -> Panel:
    """Show log lines, newest first."""
    panel = lines.Panel().title(title).description(says).datasource(LOGS).span(width).height(height)
    panel = panel.with_target(query.lines("A", LINES)).show_time(show_time=True).wrap_log_message(wrap_log_message=True)
    panel = panel.show_labels(show_labels=False).show_common_labels(show_common_labels=False)
    return panel.enable_log_details(enable_log_details=True).sort_order(LogsSortOrder.DESCENDING)


def alerts(
    title: str, says: str, *, matching: str = 'alertname!="Watchdog"', width: int = 12, height: int = 8
) -> Panel:
    """List what fires or is about to; `matching` are matchers of its labels."""
    panel = dashboard.Panel().type("alertlist").title(title).description(says).datasource(ALERTS)
    shown = {"firing": True, "pending": True, "noData": False, "normal": False, "error": True}
    options = {
        "alertInstanceLabelFilter": "{" + matching + "}", "alertName": "", "dashboardAlerts": False, "groupBy": [],
        "groupMode": "default", "maxItems": 30, "sortOrder": 3, "stateFilter": shown, "viewMode": "list",
    }  # fmt: skip
    return panel.options(options).span(width).height(height)


def note(title: str, says: str, content: str, *, width: int = 24, height: int = 3) -> Panel:
    """Show a few words."""
    panel = text.Panel().title(title).description(says).mode(TextMode.MARKDOWN).content(content)
    return panel.span(width).height(height)


def _start(
    panel: _P, title: str, says: str, queries: Sequence[Query], *, unit: str, marks: Marks, size: tuple[int, int],
    now: bool = False,
) -> _P:  # fmt: skip
    """Do what all panels of values need."""
    panel = panel.title(title).description(says).datasource(queries[0].source).unit(unit)
    panel = panel.span(size[0]).height(size[1]).thresholds(thresholds(marks))
    for ref, query in zip(ascii_uppercase, queries, strict=False):
        panel = panel.with_target(query.metric(ref, now=now))
    return panel


def _last(panel: _Of) -> _Of:
    """Reduce every series to its last value."""
    last = common.ReduceDataOptions().values(values=False).calcs(["lastNotNull"]).fields("")
    return panel.reduce_options(last)
