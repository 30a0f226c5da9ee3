"""Counts over time as bars: what a histogram draws, and its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from wardlight.clock import moment
from wardlight.console.spans import Span
from wardlight.query.answer import Series
from wardlight.records import LEVELS

HEIGHT = 60
"""Of the drawing; a bar is 10 wide."""
_ORDER = {name: at for at, name in enumerate(("fatal", "error", "warn", "info", "debug", "trace"))}


@dataclass(frozen=True)
class Part:
    """A coloured piece of a bar: how many of one name."""

    name: str
    count: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One step of time."""

    x: int
    start: int
    end: int
    total: int
    parts: tuple[Part, ...]

    @property
    def at(self) -> datetime:
        """When it begins."""
        return moment(self.start)


@dataclass(frozen=True)
class Bars:
    """All bars, in order; the names in them; the highest total."""

    bars: tuple[Bar, ...]
    names: tuple[str, ...]
    most: int
    total: int

    @property
    def width(self) -> int:
        """Of the drawing."""
        return 10 * len(self.bars)


def bars(series: Iterable[Series], label: str, span: Span, step: int) -> Bars:
    """Stack series by the value of a label; the gravest level is at the bottom."""
    counted: dict[int, dict[str, int]] = {}
    for one in series:
        name = dict(one.labels).get(label, "")
        name = name if name in LEVELS or label != "level" else "unknown"
        for at, value in one.points:
            there = counted.setdefault(at, {})
            there[name] = there.get(name, 0) + int(value)
    ends = range(span.floor(step) + step, span.ceiling(step) + 1, step)
    totals = [sum(counted.get(end, {}).values()) for end in ends]
    names = sorted({name for there in counted.values() for name in there}, key=lambda it: (_ORDER.get(it, 9), it))
    most = max(totals, default=0)
    made = (
        Bar(10 * at, end - step, end, total, _parts(counted.get(end, {}), names, most))
        for at, (end, total) in enumerate(zip(ends, totals, strict=True))
    )
    return Bars(tuple(made), tuple(names), most, sum(totals))


def _parts(counts: dict[str, int], names: Sequence[str], most: int) -> tuple[Part, ...]:
    parts, used = [], 0.0
    for name in names:
        if count := counts.get(name, 0):
            # A single line among thousands is still to be seen.
            height = max(1.0, round(HEIGHT * count / most, 2))
            used = min(HEIGHT, used + height)
            parts.append(Part(name, count, round(HEIGHT - used, 2), height))
    return tuple(parts)
