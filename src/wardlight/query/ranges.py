"""Range aggregations as SQL: lines of a window, per series and step.

A window ends at a step and reaches back over the range; its beginning is not part of it. Where windows overlap, lines
are first aggregated in buckets that all windows are made of (the greatest common divisor of step and range), and the
buckets' states are merged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from wardlight.problems import TooLarge
from wardlight.query import tree
from wardlight.query.labels import ABSENT
from wardlight.query.matrix import Grid, LabelSet, Matrix, empty, label_set
from wardlight.query.needs import EVERYTHING, Needs, metric_needs
from wardlight.query.pipeline import Pipeline
from wardlight.query.sql import Binder

_PARSERS = (tree.Json, tree.Logfmt, tree.Regexp, tree.Pattern, tree.Unpack)
_MAX_CELLS = 20_000_000


@dataclass(frozen=True)
class Grouped:
    """How a range aggregation makes series of lines."""

    labels: tuple[str, ...]
    without: bool
    none: bool
    """All lines are one series."""

    @property
    def full(self) -> bool:
        """Whether all labels (or all but `labels`) make the series."""
        return not self.none and (self.without or not self.labels)


def grouped(query: tree.RangeAggregation) -> Grouped:
    """Find how lines are grouped; an unwrapped label never is a label of the series, unless it is asked for."""
    grouping = query.summed_by or query.grouping
    labels, without = (grouping.labels, grouping.without) if grouping else ((), False)
    none = query.op == "absent_over_time" or (grouping is not None and not labels and not without)
    if query.range.unwrap is not None and (not labels or without):
        labels, without = (*labels, query.range.unwrap.label), True
    return Grouped(labels, without, none)


def range_needs(query: tree.RangeAggregation) -> Needs:
    """Say what the parsers of a range aggregation must find."""
    if not any(isinstance(stage, _PARSERS) for stage in query.range.query.stages):
        return EVERYTHING
    by = grouped(query)
    return metric_needs(query.range.query.stages, query.range.unwrap, by.labels, without=by.without, no_labels=by.none)


# ---- what is calculated ----


@dataclass(frozen=True)
class Calculation:
    """Aggregate functions over `v` (the value), `t` (ns) and `o` (the order of lines), and a formula of their results."""

    functions: tuple[tuple[str, str], ...]
    formula: Callable[..., str]


_NUMBERS = "if(isNaN(v), -inf, v)"


def _quantile(quantile: float, binder: Binder) -> Calculation:
    """Linear between neighbours, as Prometheus has it; NaN is the smallest value."""
    if not 0 <= quantile <= 1:
        return Calculation((("count", ""),), lambda _: binder.number(-math.inf if quantile < 0 else math.inf))
    q = binder.number(quantile)

    def formula(values: str) -> str:
        ordered = f"arraySort(x -> (NOT isNaN(x), x), {values})"
        rank = f"{q} * (length({values}) - 1)"
        low = f"arrayElement({ordered}, toUInt64(floor({rank})) + 1)"
        high = f"arrayElement({ordered}, least(toUInt64(floor({rank})) + 2, length({values})))"
        weight = f"({rank} - floor({rank}))"
        return f"{low} * (1 - {weight}) + {high} * {weight}"

    return Calculation((("groupArray", "v"),), formula)


def _rate_counter(seconds: str, end: str) -> Calculation:
    """Prometheus's extrapolated rate of a counter that may be reset; `end` is the window's end in the time of `t`."""

    def formula(samples: str) -> str:
        ordered = f"arraySort({samples})"
        times, values = f"arrayMap(s -> s.1, {ordered})", f"arrayMap(s -> s.3, {ordered})"
        count = f"length({samples})"
        earlier = f"arrayPushFront(arrayPopBack({values}), 0.)"
        lost = f"arraySum(arrayMap((now, before) -> if(now < before, before, 0.), {values}, {earlier}))"
        gained = f"({values}[-1] - {values}[1] + {lost})"
        sampled = f"(({times}[-1] - {times}[1]) / 1e9)"
        mean = f"({sampled} / ({count} - 1))"
        to_start = f"(({times}[1] - ({end} - {seconds} * 1e9)) / 1e9)"
        to_end = f"(({end} - {times}[-1]) / 1e9)"
        near_start = f"if({to_start} >= {mean} * 1.1, {mean} / 2, {to_start})"
        to_zero = f"if({gained} > 0 AND {values}[1] >= 0, {sampled} * ({values}[1] / {gained}), {near_start})"
        before = f"least({near_start}, {to_zero})"
        after = f"if({to_end} >= {mean} * 1.1, {mean} / 2, {to_end})"
        return f"if({count} < 2, 0., {gained} * (({sampled} + {before} + {after}) / {sampled}) / {seconds})"

    return Calculation((("groupArray", "(t, o, v)"),), formula)


def calculation(query: tree.RangeAggregation, end: str, binder: Binder) -> Calculation:
    """Choose the functions of an aggregation."""
    seconds = binder.number(query.range.interval / 1e9)
    unwrapped = query.range.unwrap is not None
    per_second = (lambda total: f"{total} / {seconds}", lambda total: f"toFloat64({total})")
    if query.op in ("rate", "bytes_rate", "sum_over_time", "bytes_over_time"):
        counted = query.op == "rate" and not unwrapped
        return Calculation((("count", "") if counted else ("sum", "v"),), per_second["rate" not in query.op])
    if query.op == "quantile_over_time":
        return _quantile(query.parameter or 0.0, binder)
    if query.op == "rate_counter":
        return _rate_counter(seconds, end)
    return _CALCULATIONS[query.op]


_CALCULATIONS = {
    "count_over_time": Calculation((("count", ""),), lambda n: f"toFloat64({n})"),
    "absent_over_time": Calculation((("count", ""),), lambda n: f"toFloat64({n})"),
    "avg_over_time": Calculation((("avg", "v"),), lambda mean: mean),
    "max_over_time": Calculation(
        (("max", _NUMBERS), ("min", "isNaN(v)")), lambda most, nothing: f"if({nothing}, nan, {most})"
    ),
    "min_over_time": Calculation(
        (("max", "if(isNaN(v), -inf, -v)"), ("min", "isNaN(v)")), lambda most, nothing: f"if({nothing}, nan, -{most})"
    ),
    "stddev_over_time": Calculation(
        (("stddevPopStable", "v"), ("max", "NOT isFinite(v)")), lambda found, odd: f"if({odd}, nan, {found})"
    ),
    "stdvar_over_time": Calculation(
        (("varPopStable", "v"), ("max", "NOT isFinite(v)")), lambda found, odd: f"if({odd}, nan, {found})"
    ),
    "first_over_time": Calculation((("argMin", "v, (t, o)"),), lambda value: value),
    "last_over_time": Calculation((("argMax", "v, (t, o)"),), lambda value: value),
}


# ---- windows ----


@dataclass(frozen=True)
class Windows:
    """Where lines fall on a grid: the bucket of a line, and the steps whose windows a bucket is part of."""

    bucket: str
    """UInt32 of a line's time `t`."""
    condition: str
    steps: str
    """Array of steps of a bucket `b`; empty when the bucket is the step."""


def windows(grid: Grid, interval: int, offset: int) -> Windows:
    """Lay a grid's windows over time. All numbers are whole nanoseconds, and ours."""
    if grid.count == 1:
        return Windows("toUInt32(0)", "", "")
    since = grid.start - offset
    if interval <= grid.step:
        bucket = f"intDiv(t - ({since - grid.step + 1:d}), {grid.step:d})"
        between = f"t > toInt64({bucket}) * {grid.step:d} + ({since - interval:d})" if interval < grid.step else ""
        return Windows(f"toUInt32({bucket})", between, "")
    size = math.gcd(grid.step, interval)
    per_step, per_window = grid.step // size, interval // size
    bucket = f"toUInt32(intDiv(t - ({since - interval - size + 1:d}), {size:d}))"
    first = f"greatest(0, intDiv(toInt64(b) - {per_window - per_step + 1:d}, {per_step:d}))"
    last = f"least({grid.count:d}, intDiv(toInt64(b) + {per_step - 1:d}, {per_step:d}))"
    return Windows(bucket, "", f"range(toUInt32({first}), toUInt32(greatest({first}, {last})))")


def span(grid: Grid, log_range: tree.LogRange) -> tuple[int, int]:
    """Tell the lines' times: start ≤ time < end, in nanoseconds."""
    return grid.start - log_range.offset - log_range.interval + 1, grid.last - log_range.offset + 1


# ---- the statement ----


@dataclass(frozen=True)
class Statement:
    """A range aggregation's SQL, and how its rows become series."""

    sql: str
    decode: Callable[[dict[str, Any]], LabelSet]


def statement(query: tree.RangeAggregation, pipeline: Pipeline, grid: Grid) -> Statement:
    """Write the aggregation of a pipeline's rows: a row per series, with its steps and values."""
    value = pipeline.unwrap(query.range.unwrap) if query.range.unwrap else ""
    by = grouped(query)
    keys, decode, series = _series(by, pipeline)
    failed = _failed(pipeline)
    laid = windows(grid, query.range.interval, query.range.offset)
    end = f"({grid.start - query.range.offset:d} + toInt64(k) * {grid.step:d})"
    calculated = calculation(query, end, pipeline.binder)
    v = value or (f"toFloat64(length({pipeline.line}))" if query.op.startswith("bytes_") else "1.")
    lines = ", ".join(
        [*dict.fromkeys(keys), "toUnixTimestamp64Nano(ts) AS t", "seq AS o", f"{v} AS v", f"{failed} AS failed"]
    )
    source = f"(SELECT {lines} FROM ({pipeline.rows.sql()}))"  # noqa: S608 -- names of ours, values are bound  # nosec B608
    names = [key.rsplit(" AS ", 1)[-1] for key in dict.fromkeys(keys)]
    condition = f" WHERE {laid.condition}" if laid.condition else ""
    where = f"{source}{condition}"
    labels = [f"{series} AS labels"] if series else names
    columns = ["labels"] if series else names
    if laid.steps or series:
        inner = _aggregate([*names, f"{laid.bucket} AS b", "failed"], calculated, "State", where)
        step = f"arrayJoin({laid.steps})" if laid.steps else "b"
        merged = [f"{function}Merge(a{at})" for at, (function, _) in enumerate(calculated.functions)]
        groups = [*labels, f"{step} AS k", "failed"]
        found = _select([*groups, f"{calculated.formula(*merged)} AS x"], f"({inner})", [*columns, "k", "failed"])
    else:
        plain = [f"{function}({argument})" for function, argument in calculated.functions]
        groups = [*names, f"{laid.bucket} AS k", "failed"]
        found = _select([*groups, f"{calculated.formula(*plain)} AS x"], where, [*names, "k", "failed"])
    ends = "groupArray(k) AS ks, groupArray(toFloat64(x)) AS xs, max(failed) AS failed"
    outer = [*columns, ends]
    return Statement(_select(outer, f"({found})", columns), decode)


def _select(columns: list[str], source: str, groups: list[str]) -> str:
    grouping = f" GROUP BY {', '.join(groups)}" if groups else ""
    return f"SELECT {', '.join(columns)} FROM {source}{grouping}"  # noqa: S608 -- expressions of ours  # nosec B608


def _aggregate(groups: list[str], calculated: Calculation, suffix: str, source: str) -> str:
    states = [
        f"{function}{suffix}({argument}) AS a{at}" for at, (function, argument) in enumerate(calculated.functions)
    ]
    return _select([*groups, *states], source, [group.rsplit(" AS ", 1)[-1] for group in groups])


def _failed(pipeline: Pipeline) -> str:
    """Whether a row has an error that fails the query: those of parsers don't if they were asked for."""
    if not pipeline.error:
        return "toUInt8(0)"
    unless = "".join(f" AND NOT {column}" for column in pipeline.failed_parsers) if pipeline.needs.keeps_errors else ""
    return f"toUInt8({pipeline.error} != ''{unless})"


def _series(by: Grouped, pipeline: Pipeline) -> tuple[list[str], Callable[[dict[str, Any]], LabelSet], str]:
    """The columns that decide on a line's series, how a row of them becomes labels, and those labels in SQL if needed."""
    if by.none:
        return [], lambda _: (), ""
    if by.full:
        series = pipeline.labels.all(pipeline.binder)
        if by.labels:
            series = f"mapFilter((k, v) -> NOT has({pipeline.binder.texts(by.labels)}, k), {series})"
        if pipeline.error:
            series = (
                f"mapSort(mapConcat({series}, if({pipeline.error} = '', CAST(map(), 'Map(String, String)'),"
                f" map('{tree.ERROR}', {pipeline.error}))))"
            )
        keys = [*pipeline.labels.columns, *([pipeline.error] if pipeline.error else [])]
        return keys, lambda row: label_set(row["labels"]), series
    names = sorted(set(by.labels))
    streams = pipeline.labels.streams
    if pipeline.labels.static and set(names) <= streams.everywhere:
        sets = [label_set({name: labels[name] for name in names}) for labels in streams.labels]
        unique = sorted(set(sets))
        ids = [unique.index(each) for each in sets]
        known, numbers = pipeline.binder.texts(streams.names), pipeline.binder.integers(ids, "UInt32")
        return [f"transform(stream, {known}, {numbers}, toUInt32(0)) AS g0"], lambda row: unique[row["g0"]], ""
    keys = []
    for at, name in enumerate(names):
        value = pipeline.label(name)
        keys.append(
            f"{'CAST(NULL, $$Nullable(String)$$)'.replace('$$', chr(39)) if value == ABSENT else value} AS g{at}"
        )

    def decode(row: dict[str, Any]) -> LabelSet:
        return tuple((name, row[f"g{at}"]) for at, name in enumerate(names) if row[f"g{at}"] is not None)

    return keys, decode, ""


def matrix_of(table: pa.Table, decode: Callable[[dict[str, Any]], LabelSet], grid: Grid) -> tuple[Matrix, Matrix]:
    """Lay rows out as series × steps; the second matrix has those with errors."""
    steps = grid.count
    if table.num_rows * steps > _MAX_CELLS:
        raise TooLarge(f"the query makes {table.num_rows} series of {steps} steps: aggregate them or take larger steps")
    keys = table.drop_columns(["ks", "xs", "failed"]).to_pylist() or [{}] * table.num_rows
    labels: dict[LabelSet, int] = {}
    rows = [labels.setdefault(decode(key), len(labels)) for key in keys]
    values, present = np.zeros((len(labels), steps)), np.zeros((len(labels), steps), dtype=bool)
    for row, ks, xs in zip(rows, table["ks"], table["xs"], strict=True):
        at = ks.values.to_numpy()
        values[row, at] = xs.values.to_numpy(zero_copy_only=False)
        present[row, at] = True
    found = Matrix(list(labels), values, present) if labels else empty(steps)
    failed = [row for row, flag in zip(rows, table["failed"].to_pylist(), strict=True) if flag]
    return found, found.rows(sorted(set(failed)))
