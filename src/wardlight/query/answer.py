"""Answers: what a query gives back, before it is written in a protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

from wardlight.query.matrix import LabelSet


@dataclass(frozen=True)
class Line:
    """One log line; without `categorized` labels the metadata and parsed labels are among its stream's."""

    ts: int
    line: str
    metadata: dict[str, str]
    parsed: dict[str, str]


@dataclass(frozen=True)
class Stream:
    """Lines with equal labels, in the order of the query."""

    labels: LabelSet
    lines: list[Line]


@dataclass(frozen=True)
class Series:
    """Values over time: (nanoseconds, value)."""

    labels: LabelSet
    points: list[tuple[int, float]]


@dataclass(frozen=True)
class Stats:
    """What an answer cost."""

    seconds: float
    entries: int


@dataclass(frozen=True)
class Streams:
    """Log lines."""

    streams: list[Stream]


@dataclass(frozen=True)
class MatrixAnswer:
    """Series over time."""

    series: list[Series]


@dataclass(frozen=True)
class VectorAnswer:
    """Series at one moment."""

    series: list[Series]


@dataclass(frozen=True)
class ScalarAnswer:
    """A number."""

    ts: int
    value: float


Result = Streams | MatrixAnswer | VectorAnswer | ScalarAnswer


@dataclass(frozen=True)
class Answer:
    """A result, what it cost, and what its reader should know."""

    result: Result
    stats: Stats
    warnings: tuple[str, ...] = field(default=())
