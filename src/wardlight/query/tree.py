"""What a query means: LogQL's syntax as frozen classes.

Query
├── LogQuery             {matchers} | stage | stage …
└── Metric
    ├── RangeAggregation   rate, count_over_time, … over a LogRange
    ├── VectorAggregation  sum, topk, … by labels
    ├── BinaryOperation    + - * / % ^, comparisons, and or unless
    ├── LabelReplace
    ├── Vector             vector(1)
    └── Literal            1
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal as OneOf

import re2

MatchOp = OneOf["=", "!=", "=~", "!~"]
LineOp = OneOf["|=", "!=", "|~", "!~", "|>", "!>"]
CompareOp = OneOf["==", "!=", ">", ">=", "<", "<="]

ERROR, ERROR_DETAILS = "__error__", "__error_details__"


@dataclass(frozen=True)
class Matcher:
    """`name="value"` on a label; an absent label is empty."""

    name: str
    op: MatchOp
    value: str

    @cached_property
    def pattern(self) -> re2._Regexp:
        """The compiled, anchored expression of `=~` and `!~`."""
        return regexp(rf"^(?s:{self.value})$")

    def matches(self, value: str) -> bool:
        """Say whether a label of this value matches."""
        if self.op in ("=", "!="):
            return (self.value == value) == (self.op == "=")
        return (self.pattern.match(value) is not None) == (self.op == "=~")


def regexp(text: str) -> re2._Regexp:
    """Compile an RE2 expression. Raises ValueError with Go's beginning of the sentence."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options=options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"error parsing regexp: {reason}") from None


# ---- stages of a pipeline ----


@dataclass(frozen=True)
class Needle:
    """What a line filter looks for: text, an expression, a pattern, or addresses (`ip("10.0.0.0/8")`)."""

    text: str
    ip: bool = False


@dataclass(frozen=True)
class LineFilter:
    """`|= "a" or "b"`: any needle; a negative operator: none of them."""

    op: LineOp
    needles: tuple[Needle, ...]


@dataclass(frozen=True)
class Extraction:
    """`label="expression"` of a parser."""

    label: str
    expression: str


@dataclass(frozen=True)
class Json:
    """`| json`, everything or some expressions."""

    extractions: tuple[Extraction, ...] = ()


@dataclass(frozen=True)
class Logfmt:
    """`| logfmt`, everything or some keys."""

    strict: bool = False
    keep_empty: bool = False
    extractions: tuple[Extraction, ...] = ()


@dataclass(frozen=True)
class Regexp:
    """`| regexp "(?P<name>…)"`."""

    expression: str


@dataclass(frozen=True)
class Pattern:
    """`| pattern "<name> <_>"`."""

    expression: str


@dataclass(frozen=True)
class Unpack:
    """`| unpack`: what Promtail's pack stage has packed."""


@dataclass(frozen=True)
class NumberFilter:
    """`label > 5`."""

    name: str
    op: CompareOp
    value: float


@dataclass(frozen=True)
class DurationFilter:
    """`label > 5s`; the value in nanoseconds."""

    name: str
    op: CompareOp
    value: int


@dataclass(frozen=True)
class BytesFilter:
    """`label > 5KB`."""

    name: str
    op: CompareOp
    value: int


@dataclass(frozen=True)
class IpFilter:
    """`label = ip("10.0.0.0/8")`, or `!=`."""

    name: str
    op: OneOf["=", "!="]
    pattern: str


@dataclass(frozen=True)
class Both:
    """`a and b`, `a, b`, `a b`."""

    left: Condition
    right: Condition


@dataclass(frozen=True)
class Either:
    """`a or b`."""

    left: Condition
    right: Condition


Condition = Matcher | NumberFilter | DurationFilter | BytesFilter | IpFilter | Both | Either


@dataclass(frozen=True)
class LabelFilter:
    """`| level="error" and status >= 500`."""

    condition: Condition


@dataclass(frozen=True)
class LineFormat:
    """`| line_format "{{.msg}}"`."""

    template: str


@dataclass(frozen=True)
class LabelAssignment:
    """`a=b` (rename b to a) or `a="{{.b}}"`."""

    name: str
    value: str
    rename: bool


@dataclass(frozen=True)
class LabelFormat:
    """`| label_format a=b, c="{{.d}}"`."""

    assignments: tuple[LabelAssignment, ...]


@dataclass(frozen=True)
class Decolorize:
    """`| decolorize`: without ANSI escapes."""


@dataclass(frozen=True)
class Drop:
    """`| drop a, b="c"`."""

    labels: tuple[str | Matcher, ...]


@dataclass(frozen=True)
class Keep:
    """`| keep a, b="c"`."""

    labels: tuple[str | Matcher, ...]


Stage = (
    LineFilter
    | Json
    | Logfmt
    | Regexp
    | Pattern
    | Unpack
    | LabelFilter
    | LineFormat
    | LabelFormat
    | Decolorize
    | Drop
    | Keep
)


# ---- queries ----


@dataclass(frozen=True)
class LogQuery:
    """Log lines: streams that match, through stages."""

    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True)
class Unwrap:
    """`| unwrap duration(label) | filter`: a label as the sample's value."""

    label: str
    conversion: OneOf["", "bytes", "duration", "duration_seconds"] = ""
    filters: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class LogRange:
    """`{…}[5m] offset 1h`; times in nanoseconds."""

    query: LogQuery
    interval: int
    offset: int = 0
    unwrap: Unwrap | None = None


@dataclass(frozen=True)
class Grouping:
    """`by (labels)` or `without (labels)`."""

    labels: tuple[str, ...]
    without: bool = False


@dataclass(frozen=True)
class RangeAggregation:
    """`rate(range)`, `quantile_over_time(0.9, range) by (label)`."""

    op: str
    range: LogRange
    parameter: float | None = None
    grouping: Grouping | None = None
    summed_by: Grouping | None = None
    """The grouping of the sum around it, if that can be done at once (a pass finds out)."""


@dataclass(frozen=True)
class VectorAggregation:
    """`sum by (label) (metric)`, `topk(5, metric)`."""

    op: str
    operand: Metric
    parameter: int = 0
    grouping: Grouping | None = None


@dataclass(frozen=True)
class Matching:
    """How the two sides of an operation find each other."""

    on: bool = False
    """Only `labels` count; else all but `labels`."""
    labels: tuple[str, ...] = ()
    group: OneOf["", "left", "right"] = ""
    """The side with many series: group_left, group_right."""
    include: tuple[str, ...] = ()
    explicit: bool = False
    """Whether `on` or `ignoring` is written."""


@dataclass(frozen=True)
class BinaryOperation:
    """`left + right`; a comparison filters, or with `bool` gives 0 and 1."""

    op: str
    left: Metric
    right: Metric
    returns_bool: bool = False
    matching: Matching = Matching()


@dataclass(frozen=True)
class LabelReplace:
    """`label_replace(metric, "dst", "$1", "src", "(.*)")`."""

    operand: Metric
    destination: str
    replacement: str
    source: str
    expression: str


@dataclass(frozen=True)
class Vector:
    """`vector(1)`."""

    value: float


@dataclass(frozen=True)
class Literal:
    """`1`."""

    value: float


Metric = RangeAggregation | VectorAggregation | BinaryOperation | LabelReplace | Vector | Literal
Query = LogQuery | Metric

COMPARISONS = frozenset(("==", "!=", ">", ">=", "<", "<="))
SET_OPERATIONS = frozenset(("and", "or", "unless"))


def ranges(metric: Metric) -> list[RangeAggregation]:
    """List the range aggregations of a metric query, from left to right."""
    if isinstance(metric, RangeAggregation):
        return [metric]
    if isinstance(metric, BinaryOperation):
        return ranges(metric.left) + ranges(metric.right)
    if isinstance(metric, VectorAggregation | LabelReplace):
        return ranges(metric.operand)
    return []
