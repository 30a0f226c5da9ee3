"""Stages outside the engine: templates that SQL can't do, run on rows that came out and go back in.

Rows that come out are few: their number is limited. They go back as one bound parameter, from which the next
stages' SQL reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from wardlight.query import tree
from wardlight.query.labels import Labels, MapsLayer
from wardlight.query.needs import EVERYTHING, Needs
from wardlight.query.pipeline import Pipeline
from wardlight.query.sql import Binder, Rows
from wardlight.query.streams import Streams
from wardlight.query.template import Template, TemplateError
from wardlight.store.sight import View

_ROW_TYPE = (
    "Array(Tuple(ts Int64, seq UInt64, stream String, line String, base Map(String, String),"
    " metadata Map(String, String), parsed Map(String, String), error String, details String))"
)


@dataclass
class Entry:
    """One row outside the engine."""

    ts: int
    seq: int
    stream: str
    line: str
    base: dict[str, str]
    metadata: dict[str, str]
    parsed: dict[str, str]
    error: str
    details: str

    def labels(self) -> dict[str, str]:
        """All labels, as templates see them."""
        found = {**self.base, **self.metadata, **self.parsed}
        if self.error:
            found[tree.ERROR] = self.error
        if self.details:
            found[tree.ERROR_DETAILS] = self.details
        return found

    def set(self, name: str, value: str) -> None:
        """Set a label."""
        self.drop(name)
        self.parsed[name] = value

    def drop(self, name: str) -> None:
        """Drop a label from all categories."""
        for each in (self.base, self.metadata, self.parsed):
            each.pop(name, None)


def entries_sql(pipeline: Pipeline, order: str, limit: int, offset: int = 0) -> str:
    """Select a pipeline's rows as entries: the labels are put together only for those that are returned."""
    needed = ["ts", "seq", "stream", *pipeline.labels.columns, pipeline.line, pipeline.error, pipeline.details]
    columns = ", ".join(dict.fromkeys(column for column in needed if column))
    shown = pipeline.labels.shown(pipeline.binder)
    sort = f" ORDER BY ts {order}" if order else ""
    skip = f" OFFSET {offset:d}" if offset else ""
    return (
        "SELECT toUnixTimestamp64Nano(ts) AS ts, seq, CAST(stream, 'String') AS stream,"  # noqa: S608  # nosec B608
        f" {pipeline.line} AS line, {shown.stream} AS base, {shown.metadata} AS metadata, {shown.parsed} AS parsed,"
        f" {pipeline.error or chr(39) * 2} AS error, {pipeline.details or chr(39) * 2} AS details"
        f" FROM (SELECT {columns} FROM ({pipeline.rows.sql()}){sort} LIMIT {limit:d}{skip})"
    )


def entries(table: pa.Table) -> Iterator[Entry]:
    """Read the rows of `entries_sql`."""
    columns = [table[name].to_pylist() for name in ("ts", "seq", "stream", "line", "error", "details")]
    maps = [[dict(each) for each in table[name].to_pylist()] for name in ("base", "metadata", "parsed")]
    for ts, seq, stream, line, error, details, base, metadata, parsed in zip(*columns, *maps, strict=True):
        yield Entry(ts, seq, stream, line, base, metadata, parsed, error, details)


def render(stage: tree.LineFormat | tree.LabelFormat, entry: Entry, now_ns: int) -> None:
    """Run a template stage on one entry; a template that fails leaves an error."""
    if isinstance(stage, tree.LineFormat):
        try:
            entry.line = Template(stage.template).render(entry.labels(), entry.line, entry.ts, now_ns)
        except TemplateError as error:
            _fail(entry, str(error))
        return
    snapshot: Mapping[str, str] = {}
    for each in stage.assignments:
        if each.rename:
            value = entry.labels().get(each.value) if each.value != tree.ERROR else None
            if value is not None:
                entry.set(each.name, value)
                entry.drop(each.value)
            continue
        snapshot = snapshot or entry.labels()
        try:
            entry.set(each.name, Template(each.value).render(snapshot, entry.line, entry.ts, now_ns))
        except TemplateError as error:
            _fail(entry, str(error))


def _fail(entry: Entry, details: str) -> None:
    entry.error, entry.details = "TemplateFormatErr", details


def fed_back(
    rows: Sequence[Entry], streams: Streams, binder: Binder, view: View, *, needs: Needs = EVERYTHING
) -> Pipeline:
    """Begin a pipeline with rows that come from outside."""
    encoded: list[Any] = [
        (r.ts, r.seq, r.stream, r.line, r.base, r.metadata, r.parsed, r.error, r.details) for r in rows
    ]
    text = binder.text(msgspec.json.encode(encoded).decode())
    source = f"(SELECT arrayJoin(JSONExtract({text}, '{_ROW_TYPE}')) AS r)"
    columns = [
        "fromUnixTimestamp64Nano(r.ts, 'UTC') AS ts",
        *(
            f"r.{name} AS {name}"
            for name in ("seq", "stream", "line", "base", "metadata", "parsed", "error", "details")
        ),
    ]
    # Bind the columns first, so that later names can't be taken for fields.
    fed = Rows(f"(SELECT {', '.join(columns)} FROM {source})", ["*"])  # noqa: S608 -- names of ours, values are bound  # nosec B608
    pipeline = Pipeline(
        fed, Labels(streams, (MapsLayer("base", "metadata", "parsed"),), static=False), binder, view, needs=needs
    )
    pipeline.error, pipeline.details = "error", "details"
    return pipeline
