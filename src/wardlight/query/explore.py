"""Looking around: which fields lines have, how much there is of what, and which patterns lines follow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wardlight.query import evaluate, tree, units
from wardlight.query.evaluate import Reading
from wardlight.query.host import Entry
from wardlight.query.matrix import LabelSet, label_set
from wardlight.query.pipeline import stored
from wardlight.query.sql import Binder
from wardlight.query.streams import Streams

_ID = re.compile(r"[+-]?\d+(?:\.\d+)?|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRUTH = frozenset(("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"))
_SAMPLE = 500_000
_VARIABLE = r"[^\s=\"'`,;:(){}\[\]<>|]*\d[^\s=\"'`,;(){}\[\]<>|]*"
_PATTERNS = 300


def is_id(value: str) -> bool:
    """Say whether a value is a number or a UUID: nothing to choose from in a list."""
    return _ID.fullmatch(value) is not None


# ---- fields ----


@dataclass
class Field:
    """A label that lines have: how many values, of which type, found by which parser and under which JSON path."""

    values: set[str] = field(default_factory=set)
    parsers: set[str] = field(default_factory=set)
    path: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        """Loki's name for what all values are."""
        kinds = {type_of(value) for value in self.values}
        return kinds.pop() if len(kinds) == 1 else "float" if kinds == {"int", "float"} else "string"


def type_of(value: str) -> str:
    """Name what a value looks like.

    >>> type_of("5"), type_of("0.5"), type_of("true"), type_of("5ms"), type_of("5KB"), type_of("x")
    ('int', 'float', 'boolean', 'duration', 'bytes', 'string')
    """
    if re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII):
        return "int"
    for name, read in (
        ("float", units.parse_float),
        ("duration", units.parse_go_duration),
        ("bytes", units.parse_bytes),
    ):
        try:
            read(value)
        except ValueError:
            if name == "float" and value in _TRUTH:
                return "boolean"
            continue
        return name
    return "string"


def fields(query: tree.LogQuery, reading: Reading, start: int, end: int, *, lines: int) -> dict[str, Field]:
    """Find the fields of the newest lines: structured metadata, and what the query's or else our parsers find."""
    rows = evaluate.logs(query, reading, start, end, limit=lines, forward=False)
    found: dict[str, Field] = {}
    for row in rows:
        _note(found, row.metadata, None)
    if any(isinstance(stage, tree.Json | tree.Logfmt | tree.Regexp | tree.Pattern) for stage in query.stages):
        parser = next(
            (type(stage).__name__.lower() for stage in query.stages if isinstance(stage, tree.Json)), "logfmt"
        )
        for row in rows:
            _note(found, row.parsed, parser)
        return found
    bare = [Entry(row.ts, row.seq, row.stream, row.line, row.base, row.metadata, {}, "", "") for row in rows]
    for row in evaluate.through(bare, (tree.Json(),), reading):
        if not row.error:
            _note(found, row.parsed, "json")
            _note_paths(found, row.line)
    others = [row for row in bare if not row.line.lstrip().startswith("{")]
    for row in evaluate.through(others, (tree.Logfmt(),), reading):
        if "=" in row.line:
            _note(found, row.parsed, "logfmt")
    return found


def _note(found: dict[str, Field], labels: Mapping[str, str], parser: str | None) -> None:
    for name, value in labels.items():
        seen = found.setdefault(name, Field())
        seen.values.add(value)
        if parser:
            seen.parsers.add(parser)


def _note_paths(found: dict[str, Field], line: str) -> None:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return
    for path in _paths(document, ()):
        name = re.sub(r"[^a-zA-Z0-9_]", "_", "_".join(path))
        for each in (name, f"{name}_extracted"):
            if each in found and not found[each].path:
                found[each].path = list(path)


def _paths(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and len(path) < 20:
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif path:
        yield path


# ---- how much ----


@dataclass(frozen=True)
class IndexStats:
    """How much a selector means."""

    streams: int
    chunks: int
    bytes: int
    entries: int


def index_stats(query: tree.LogQuery, reading: Reading, start: int, end: int) -> IndexStats:
    """Count streams, parts of the store, bytes and lines."""
    streams = reading.streams(query, start, end)
    if not streams.names:
        return IndexStats(0, 0, 0, 0)
    counted = _volumes(streams, reading, start, end, step=0)
    entries = sum(each[2] for each in counted)
    size = sum(each[3] for each in counted)
    return IndexStats(len({each[0] for each in counted}), len(counted), size, entries)


def _volumes(streams: Streams, reading: Reading, start: int, end: int, *, step: int) -> list[tuple[str, int, int, int]]:
    """Count per stream and step: (stream, step, lines, bytes)."""
    binder = Binder()
    pipeline = stored(reading.view, streams, start, end, binder)
    bucket = f"toUInt32(intDiv(toUnixTimestamp64Nano(ts) - {start:d}, {step:d}))" if step else "toUInt32(0)"
    sql = (
        f"SELECT CAST(stream, 'String') AS stream, {bucket} AS b, count() AS lines, sum(length(line)) AS size"  # noqa: S608  # nosec B608
        f" FROM ({pipeline.rows.sql()}) GROUP BY stream, b"
    )
    rows = reading.select(sql, binder).to_pylist()
    return [(row["stream"], row["b"], row["lines"], row["size"]) for row in rows]


def volume(
    query: tree.LogQuery,
    reading: Reading,
    start: int,
    end: int,
    *,
    step: int,
    target_labels: Sequence[str],
    by_labels: bool,
) -> dict[LabelSet, dict[int, int]]:
    """Sum up bytes by labels and step: of the target labels, else of those that the query matches, else of all."""
    streams = reading.streams(query, start, end)
    if not streams.names:
        return {}
    names = list(target_labels) or [matcher.name for matcher in query.matchers]
    labels = dict(zip(streams.names, streams.labels, strict=True))
    found: dict[LabelSet, dict[int, int]] = {}
    for stream, bucket, _, size in _volumes(streams, reading, start, end, step=step):
        for key in _volume_keys(labels[stream], names, by_labels=by_labels):
            points = found.setdefault(key, {})
            points[bucket] = points.get(bucket, 0) + size
    return found


def _volume_keys(labels: Mapping[str, str], names: Sequence[str], *, by_labels: bool) -> Iterable[LabelSet]:
    if by_labels:
        return [((name, ""),) for name in labels if not names or name in names]
    chosen = {name: value for name, value in labels.items() if not names or name in names}
    return [label_set(chosen)] if chosen else []


# ---- patterns ----


@dataclass(frozen=True)
class PatternCount:
    """Lines of one shape and level: (nanoseconds, how many)."""

    pattern: str
    level: str
    samples: list[tuple[int, int]]


def patterns(query: tree.LogQuery, reading: Reading, start: int, end: int, step: int) -> list[PatternCount]:
    """Find the shapes of lines: what has a digit in it is variable. Of many lines a sample is counted up."""
    streams = reading.streams(query, start, end)
    if not streams.names:
        return []
    binder = Binder()
    pipeline = stored(reading.view, streams, start, end, binder)
    for stage in query.stages:
        pipeline.apply(stage)
    counted = f"SELECT count() AS n FROM ({pipeline.rows.sql()})"  # noqa: S608  # nosec B608
    every = max(1, -(-int(reading.select(counted, binder).to_pylist()[0]["n"]) // _SAMPLE))
    level = pipeline.labels.text("level", binder)
    variable = binder.text(_VARIABLE)
    repeated = binder.text("<_>(?:[ ,;:|]<_>)+")
    shape = f"replaceRegexpAll(replaceRegexpAll({pipeline.line}, {variable}, '<_>'), {repeated}, '<_>')"
    sql = (
        f"SELECT pattern, level, groupArray(b) AS bs, groupArray(n) AS ns FROM (SELECT {shape} AS pattern,"  # noqa: S608  # nosec B608
        f" {level} AS level, intDiv(toUnixTimestamp64Nano(ts), {step:d}) AS b, count() * {every:d} AS n"
        f" FROM ({pipeline.rows.sql()}) WHERE sipHash64(seq, ts) % {every:d} = 0 GROUP BY pattern, level, b)"
        f" GROUP BY pattern, level ORDER BY sum(n) DESC, pattern LIMIT {_PATTERNS:d}"
    )
    found = []
    for row in reading.select(sql, binder).to_pylist():
        samples = sorted((bucket * step, count) for bucket, count in zip(row["bs"], row["ns"], strict=True))
        found.append(PatternCount(row["pattern"], row["level"] or "unknown", samples))
    return found
