"""From a tree to its answer: SQL for what the engine does, numbers for what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from wardlight.problems import BadInput, TooLarge
from wardlight.query import host, matrix, tree
from wardlight.query.format import quote
from wardlight.query.host import Entry
from wardlight.query.matrix import Grid, LabelSet, Matrix
from wardlight.query.needs import Needs
from wardlight.query.pipeline import Pipeline, needs_host, stored
from wardlight.query.ranges import matrix_of, range_needs, span, statement
from wardlight.query.sight import seen
from wardlight.query.sql import Binder
from wardlight.query.streams import StreamCatalogue, Streams, is_audit
from wardlight.store import Limits, LogStore
from wardlight.store.sight import View

MAX_HOST_ROWS = 100_000
"""Most lines that one query may take through templates that the engine can't do."""


class PipelineFailed(BadInput):
    """A metric query met a line with an error that it doesn't filter."""


@dataclass
class Reading:
    """One query's access to the store, and what it has read."""

    store: LogStore
    catalogue: StreamCatalogue
    limits: Limits
    tag: str
    now_ns: int
    view: View
    """What the reader sees: without one, nothing can be asked."""
    statements: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Labels of the streams that were read."""
    audit: bool = False
    """Whether streams of the audit trail are among them."""

    def select(self, sql: str, binder: Binder) -> pa.Table:
        """Run one statement."""
        self.statements.append(sql)
        return self.store.select(sql, binder.params, limits=self.limits, tag=self.tag)

    def all_streams(self, start_ns: int, end_ns: int) -> Streams:
        """Find the streams in a time range, as the reader sees them."""
        kinds = self.view.sight.kinds
        return seen(self.catalogue.between(start_ns, end_ns, kinds, limits=self.limits, tag=self.tag), self.view)

    def streams(self, query: tree.LogQuery, start_ns: int, end_ns: int) -> Streams:
        """Find the streams that a query's matchers mean."""
        found = self.all_streams(start_ns, end_ns).matching(query.matchers)
        self.names |= found.somewhere
        self.audit = self.audit or any(map(is_audit, found.names))
        return found


# ---- logs ----


def logs(
    query: tree.LogQuery,
    reading: Reading,
    start_ns: int,
    end_ns: int,
    *,
    limit: int,
    forward: bool,
    interval_ns: int = 0,
) -> list[Entry]:
    """Find entries, start ≤ time < end, in order; with an interval, at most one in that time."""
    streams = reading.streams(query, start_ns, end_ns)
    for stage in query.stages:
        needs_host(stage)
    if not streams.names or limit <= 0:
        _checked(query, reading)
        return []
    order = "ASC" if forward else "DESC"
    before, templates, after = _split(query.stages)
    exact = not after and not interval_ns
    chunk, skipped = (limit, 0) if exact else (max(1000, 4 * limit), 0)
    found: list[Entry] = []
    while True:
        binder = Binder()
        pipeline = stored(reading.view, streams, start_ns, end_ns, binder)
        for stage in before:
            pipeline.apply(stage)
        rows = list(host.entries(reading.select(host.entries_sql(pipeline, order, chunk, skipped), binder)))
        rows.sort(key=lambda row: (row.ts, row.seq), reverse=not forward)
        passed = _rendered(rows, templates, after, streams, reading)
        found = _spaced(found + passed, interval_ns, forward=forward)
        skipped += len(rows)
        if exact or len(found) >= limit or len(rows) < chunk:
            return found[:limit]
        if skipped >= MAX_HOST_ROWS:
            raise TooLarge(
                f"{skipped} lines went through line_format or label_format and too few passed the filters behind it:"
                " filter before it, or ask for a shorter time"
            )
        chunk = min(2 * chunk, MAX_HOST_ROWS)


def _checked(query: tree.LogQuery, reading: Reading) -> None:
    """Compile the stages although there is nothing to read, so that a fault in them is told."""
    pipeline = stored(reading.view, Streams(()), 0, 0, Binder())
    for stage in query.stages:
        if not needs_host(stage):
            pipeline.apply(stage)


def _split(
    stages: Sequence[tree.Stage],
) -> tuple[tuple[tree.Stage, ...], tuple[tree.Stage, ...], tuple[tree.Stage, ...]]:
    """Cut stages into those before the first template of ours, the templates, and those after."""
    first = next((at for at, stage in enumerate(stages) if needs_host(stage)), len(stages))
    last = first
    while last < len(stages) and isinstance(stages[last], tree.LineFormat | tree.LabelFormat):
        last += 1
    return tuple(stages[:first]), tuple(stages[first:last]), tuple(stages[last:])


def _rendered(
    rows: list[Entry],
    templates: Sequence[tree.Stage],
    after: Sequence[tree.Stage],
    streams: Streams,
    reading: Reading,
) -> list[Entry]:
    """Take rows through templates outside the engine and, if stages follow, back into it."""
    for row in rows:
        for stage in templates:
            host.render(stage, row, reading.now_ns)  # type: ignore[arg-type]
    if not after or not rows:
        return rows
    before, more, rest = _split(after)
    binder = Binder()
    numbered = [replace(row, seq=at) for at, row in enumerate(rows)]
    pipeline = host.fed_back(numbered, streams, binder, reading.view)
    for stage in before:
        pipeline.apply(stage)
    found = list(host.entries(reading.select(host.entries_sql(pipeline, "", len(rows)), binder)))
    found.sort(key=lambda row: row.seq)
    return _rendered(found, more, rest, streams, reading)


def through(rows: list[Entry], stages: Sequence[tree.Stage], reading: Reading) -> list[Entry]:
    """Take rows that are at hand through more stages."""
    return _rendered(rows, (), stages, Streams(tuple(sorted({row.stream for row in rows}))), reading)


def _spaced(rows: list[Entry], interval_ns: int, *, forward: bool) -> list[Entry]:
    """Keep rows that are at least an interval apart."""
    if not interval_ns:
        return rows
    kept: list[Entry] = []
    for row in rows:
        gap = (row.ts - kept[-1].ts) * (1 if forward else -1) if kept else interval_ns
        if gap >= interval_ns:
            kept.append(row)
    return kept


# ---- metrics ----


def metric(query: tree.Metric, reading: Reading, grid: Grid) -> Matrix | float:
    """Evaluate a metric query on a grid; a literal is a number."""
    if isinstance(query, tree.Literal):
        return query.value
    if isinstance(query, tree.Vector):
        return matrix.constant(query.value, grid.count)
    if isinstance(query, tree.RangeAggregation):
        return aggregated(query, reading, grid)
    if isinstance(query, tree.BinaryOperation):
        return _binary(query, reading, grid)
    operand = metric(query.operand, reading, grid)
    assert isinstance(operand, Matrix)  # noqa: S101 -- the grammar folds literals
    if isinstance(query, tree.LabelReplace):
        return matrix.replace_label(operand, query)
    return matrix.aggregate(operand, query.op, query.grouping, query.parameter)


def _binary(query: tree.BinaryOperation, reading: Reading, grid: Grid) -> Matrix:
    left, right = metric(query.left, reading, grid), metric(query.right, reading, grid)
    if isinstance(left, Matrix) and isinstance(right, Matrix):
        return matrix.combined(query, left, right)
    if isinstance(left, Matrix):
        return matrix.with_number(query, left, float(right), number_left=False)  # type: ignore[arg-type]
    assert isinstance(right, Matrix)  # noqa: S101 -- two literals are folded
    return matrix.with_number(query, right, left, number_left=True)


def aggregated(query: tree.RangeAggregation, reading: Reading, grid: Grid) -> Matrix:
    """Evaluate one range aggregation. Raises PipelineFailed when lines have errors."""
    start, end = span(grid, query.range)
    streams = reading.streams(query.range.query, start, end)
    pipeline = _prepared(query, reading, streams, start, end)
    if not streams.names:
        statement(query, pipeline, grid)
        return _absent(query, matrix.empty(grid.count))
    built = statement(query, pipeline, grid)
    found, failed = matrix_of(reading.select(built.sql, pipeline.binder), built.decode, grid)
    if failed.labels:
        raise PipelineFailed(_explanation(query, reading, streams, start, end))
    return _absent(query, found)


def _prepared(query: tree.RangeAggregation, reading: Reading, streams: Streams, start: int, end: int) -> Pipeline:
    """Take the lines of a range through its stages; a unique pipeline each time it is called."""
    needs = range_needs(query)
    pipeline = stored(reading.view, streams, start, end, Binder(), needs=needs)
    return _through(query.range.query.stages, pipeline, reading, streams, needs)


def _through(
    stages: Sequence[tree.Stage], pipeline: Pipeline, reading: Reading, streams: Streams, needs: Needs
) -> Pipeline:
    before, templates, after = _split(stages)
    for stage in before:
        pipeline.apply(stage)
    if not templates:
        return pipeline
    limit = MAX_HOST_ROWS + 1
    rows = (
        []
        if not streams.names
        else list(host.entries(reading.select(host.entries_sql(pipeline, "ASC", limit), pipeline.binder)))
    )
    if len(rows) == limit:
        raise TooLarge(
            f"more than {MAX_HOST_ROWS} lines would go through line_format or label_format in a metric query:"
            " filter before it, or ask for a shorter time"
        )
    for row in rows:
        for stage in templates:
            host.render(stage, row, reading.now_ns)  # type: ignore[arg-type]
    return _through(after, host.fed_back(rows, streams, Binder(), reading.view, needs=needs), reading, streams, needs)


def _absent(query: tree.RangeAggregation, found: Matrix) -> Matrix:
    """`absent_over_time`: 1 where there is nothing, under the labels that the matchers name."""
    if query.op != "absent_over_time":
        return found
    missing = np.logical_not(found.present.any(axis=0))
    labels: dict[str, str] = {}
    for matcher in query.range.query.matchers:
        if matcher.op == "=":
            labels.setdefault(matcher.name, matcher.value)
    for matcher in query.range.query.matchers:
        if matcher.op != "=" or labels.get(matcher.name) not in (None, matcher.value):
            labels.pop(matcher.name, None)
    one = matrix.constant(1.0, missing.size, matrix.label_set(labels))
    return Matrix(one.labels, one.values, missing[None]).without_empty()


def _explanation(query: tree.RangeAggregation, reading: Reading, streams: Streams, start: int, end: int) -> str:
    """Say which error a metric query met, with the labels of one such line."""
    needs = range_needs(query)
    pipeline = _prepared(query, reading, streams, start, end)
    if query.range.unwrap:
        pipeline.unwrap(query.range.unwrap)
    unless = [f"NOT {column}" for column in pipeline.failed_parsers] if needs.keeps_errors else []
    for condition in (f"{pipeline.error} != ''", *unless):
        pipeline.rows.where(condition)
    found = next(host.entries(reading.select(host.entries_sql(pipeline, "ASC", 1), pipeline.binder)), None)
    labels = found.labels() if found else {}
    if needs.labels is not None and found:
        labels = {name: value for name, value in labels.items() if name not in found.parsed or name in needs.labels}
    name = labels.get(tree.ERROR, "")
    return (
        f"pipeline error: '{name}' for series: '{series_text(matrix.label_set(labels))}'.\n"
        f'Use a label filter to intentionally skip this error. (e.g | __error__!="{name}").\n'
        'To skip all potential errors you can match empty errors.(e.g __error__="")\n'
        'The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__="" )\n'
    )


def series_text(labels: LabelSet) -> str:
    r"""Write labels as Prometheus does.

    >>> series_text((("app", "x"), ("b", 'c"')))
    '{app="x", b="c\\""}'
    """
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels) + "}"
