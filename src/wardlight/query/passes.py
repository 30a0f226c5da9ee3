"""Rewrites of the tree before it becomes SQL: small, in this order, each a function from query to query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wardlight.query import tree

_CHANGES_LINE = (tree.LineFormat, tree.Unpack, tree.Decolorize)
_READS_LINE = (tree.LineFilter, tree.Json, tree.Logfmt, tree.Regexp, tree.Pattern, tree.Unpack)
_SUMMABLE = frozenset(("bytes_over_time", "bytes_rate", "sum_over_time", "rate", "count_over_time"))


def map_metric(query: tree.Query, change: Callable[[tree.Metric], tree.Metric]) -> tree.Query:
    """Apply a change to every metric of a query, the innermost first."""

    def down(metric: tree.Metric) -> tree.Metric:
        if isinstance(metric, tree.VectorAggregation | tree.LabelReplace):
            return change(replace(metric, operand=down(metric.operand)))
        if isinstance(metric, tree.BinaryOperation):
            return change(replace(metric, left=down(metric.left), right=down(metric.right)))
        return change(metric)

    return query if isinstance(query, tree.LogQuery) else down(query)


def map_logs(query: tree.Query, change: Callable[[tree.LogQuery], tree.LogQuery]) -> tree.Query:
    """Apply a change to every log query, also inside metrics."""
    if isinstance(query, tree.LogQuery):
        return change(query)

    def inside(metric: tree.Metric) -> tree.Metric:
        if not isinstance(metric, tree.RangeAggregation):
            return metric
        return replace(metric, range=replace(metric.range, query=change(metric.range.query)))

    return map_metric(query, inside)


def exact_topk(query: tree.Query) -> tree.Query:
    """`approx_topk(…)` becomes `topk(…)`: all series are at hand."""

    def change(metric: tree.Metric) -> tree.Metric:
        if isinstance(metric, tree.VectorAggregation) and metric.op == "approx_topk":
            return replace(metric, op="topk")
        return metric

    return map_metric(query, change)


def filter_lines_first(query: tree.Query) -> tree.Query:
    """`| json |= "x"` becomes `|= "x" | json`: a line filter goes before what doesn't change the line."""

    def change(logs: tree.LogQuery) -> tree.LogQuery:
        stages: list[tree.Stage] = []
        for stage in logs.stages:
            at = len(stages)
            if isinstance(stage, tree.LineFilter):
                while at and not isinstance(stages[at - 1], (*_CHANGES_LINE, tree.LineFilter)):
                    at -= 1
            stages.insert(at, stage)
        return replace(logs, stages=tuple(stages))

    return map_logs(query, change)


def without_idle_formats(query: tree.Query) -> tree.Query:
    """`count_over_time({…} | line_format "…" [1m])` becomes the same without: nothing reads the new line."""

    def change(metric: tree.Metric) -> tree.Metric:
        if not isinstance(metric, tree.RangeAggregation) or metric.op in ("bytes_over_time", "bytes_rate"):
            return metric
        logs = metric.range.query
        kept = tuple(
            stage
            for at, stage in enumerate(logs.stages)
            if not isinstance(stage, tree.LineFormat) or any(isinstance(each, _READS_LINE) for each in logs.stages[at:])
        )
        return replace(metric, range=replace(metric.range, query=replace(logs, stages=kept)))

    return map_metric(query, change)


def sum_at_once(query: tree.Query) -> tree.Query:
    """`sum by (x) (rate(…))`: the range aggregation is told to group by x itself."""

    def change(metric: tree.Metric) -> tree.Metric:
        if not isinstance(metric, tree.VectorAggregation) or metric.op != "sum":
            return metric
        operand = metric.operand
        if not isinstance(operand, tree.RangeAggregation) or operand.op not in _SUMMABLE or operand.grouping:
            return metric
        return replace(metric, operand=replace(operand, summed_by=metric.grouping or tree.Grouping(())))

    return map_metric(query, change)


PASSES: tuple[Callable[[tree.Query], tree.Query], ...] = (
    exact_topk,
    filter_lines_first,
    without_idle_formats,
    sum_at_once,
)
"""All rewrites, in order."""


def rewritten(query: tree.Query) -> tree.Query:
    """Run all passes."""
    for rewrite in PASSES:
        query = rewrite(query)
    return query
