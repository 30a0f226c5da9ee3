"""Statements under construction: values are bound, never pasted; steps are nested SELECTs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wardlight.store.params import Param

_NAME = re.compile(r"\bc\d+\b")


@dataclass
class Binder:
    """The values of one statement, each known there as `{name:Type}`."""

    params: dict[str, Param] = field(default_factory=dict)
    _names: dict[tuple[str, object], str] = field(default_factory=dict)

    def text(self, value: str) -> str:
        """Bind a String."""
        return self._bind("String", value, value)

    def texts(self, values: Iterable[str]) -> str:
        """Bind an Array(String)."""
        listed = tuple(values)
        return self._bind("Array(String)", listed, listed)

    def integers(self, values: Sequence[int], of: str = "Int64") -> str:
        """Bind an array of whole numbers."""
        return self._bind(f"Array({of})", tuple(values), tuple(values))

    def integer(self, value: int) -> str:
        """Bind an Int64."""
        return self._bind("Int64", value, value)

    def number(self, value: float) -> str:
        """Bind a Float64; infinities and NaN too."""
        return self._bind("Float64", repr(value), value)

    def moment(self, ns: int) -> str:
        """Bind a time, given in nanoseconds since 1970."""
        return f"fromUnixTimestamp64Nano({self.integer(ns)}, 'UTC')"

    def _bind(self, of: str, key: object, value: Param) -> str:
        name = self._names.setdefault((of, key), f"p{len(self._names)}")
        self.params[name] = value
        return f"{{{name}:{of}}}"


class Rows:
    """A SELECT that grows, in levels: a column that uses another, or comes after a condition, is one level further out.

    Within a level, columns may not use each other: the engine would write an alias out wherever it is used, and a chain
    of them would grow without bounds.
    """

    def __init__(self, source: str, columns: Sequence[str]) -> None:
        self._source = source
        self._columns = list(columns)
        self._conditions: list[str] = []
        self._fresh: set[str] = set()
        self._count = 0

    def where(self, condition: str) -> None:
        """Keep only rows that meet a condition."""
        if self._uses_fresh(condition):
            self._nest()
        self._conditions.append(condition)

    def column(self, expression: str) -> str:
        """Add a column, calculated only for rows that met the conditions so far; return its name."""
        if self._conditions or self._uses_fresh(expression):
            self._nest()
        self._count += 1
        name = f"c{self._count}"
        self._columns.append(f"{expression} AS {name}")
        self._fresh.add(name)
        return name

    def detached(self, expression: str) -> str:
        """Add a column that the planner can't see through: what is said of it is held against no index."""
        self._nest()
        self._count += 1
        name = f"c{self._count}"
        self._source = f"{self._source} ARRAY JOIN [{expression}] AS {name}"
        self._columns = ["*", name]
        self._nest()
        return name

    def sql(self) -> str:
        """Write the SELECT."""
        where = f" WHERE {all_of(self._conditions)}" if self._conditions else ""
        return f"SELECT {', '.join(self._columns)} FROM {self._source}{where}"  # noqa: S608 -- expressions of ours  # nosec B608

    def _uses_fresh(self, expression: str) -> bool:
        return not self._fresh.isdisjoint(_NAME.findall(expression))

    def _nest(self) -> None:
        self._source = f"({self.sql()})"
        self._columns, self._conditions, self._fresh = ["*"], [], set()


def all_of(conditions: Iterable[str]) -> str:
    """Join conditions with AND."""
    return " AND ".join(f"({condition})" for condition in conditions) or "1"


def any_of(conditions: Iterable[str]) -> str:
    """Join conditions with OR."""
    return " OR ".join(f"({condition})" for condition in conditions) or "0"


EMPTY_MAP = "CAST(map(), 'Map(String, String)')"
