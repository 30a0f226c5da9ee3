"""Series × steps: what metric queries calculate with once the engine has aggregated the lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wardlight.problems import BadInput
from wardlight.query import tree
from wardlight.query.template.functions import expand_match
from wardlight.query.tree import COMPARISONS, regexp

LabelSet = tuple[tuple[str, str], ...]
"""Labels sorted by name."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """The moments at which a metric is asked for, in nanoseconds; a step of 0 is one moment."""

    start: int
    end: int
    step: int

    @property
    def count(self) -> int:
        """How many moments there are."""
        return (self.end - self.start) // self.step + 1 if self.step else 1

    @property
    def last(self) -> int:
        """The last moment; `end` may be later by a part of a step."""
        return self.start + (self.count - 1) * self.step

    def moments(self) -> list[int]:
        """List them, in nanoseconds."""
        return [self.start + at * self.step for at in range(self.count)]


@dataclass(frozen=True)
class Matrix:
    """Values of each series at each step, and where there are any: NaN is a value too."""

    labels: list[LabelSet]
    values: Floats
    present: Flags

    def rows(self, indexes: Sequence[int] | npt.NDArray[Any], labels: list[LabelSet] | None = None) -> Matrix:
        """Pick some series, in this order."""
        listed = list(indexes)
        chosen = labels if labels is not None else [self.labels[at] for at in listed]
        return Matrix(chosen, self.values[listed], self.present[listed])

    def without_empty(self) -> Matrix:
        """Leave out series that have no value at all."""
        kept = self.present.any(axis=1)
        return self if kept.all() else self.rows(np.flatnonzero(kept))


def empty(steps: int) -> Matrix:
    """Make a matrix without series."""
    return Matrix([], np.empty((0, steps)), np.empty((0, steps), dtype=bool))


def constant(value: float, steps: int, labels: LabelSet = ()) -> Matrix:
    """Make one series of one value."""
    return Matrix([labels], np.full((1, steps), value), np.ones((1, steps), dtype=bool))


def stacked(matrices: Iterable[Matrix], steps: int) -> Matrix:
    """Put matrices on top of each other; series with equal labels become one."""
    found: dict[LabelSet, tuple[Floats, Flags]] = {}
    for matrix in matrices:
        for at, labels in enumerate(matrix.labels):
            values, present = matrix.values[at], matrix.present[at]
            if labels in found:
                old_values, old_present = found[labels]
                values, present = np.where(present, values, old_values), present | old_present
            found[labels] = (values, present)
    if not found:
        return empty(steps)
    values, flags = zip(*found.values(), strict=True)
    return Matrix(list(found), np.stack(values), np.stack(flags))


def label_set(labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> LabelSet:
    """Sort labels by name."""
    return tuple(sorted(labels.items() if isinstance(labels, Mapping) else labels))


# ---- aggregation over series ----


def aggregate(matrix: Matrix, op: str, grouping: tree.Grouping | None, parameter: int) -> Matrix:
    """Aggregate series at each step: `sum by (x)`, `topk(5, …)`."""
    if op in ("sort", "sort_desc"):
        return _sorted(matrix, descending=op == "sort_desc")
    groups: dict[LabelSet, list[int]] = {}
    for at, labels in enumerate(matrix.labels):
        groups.setdefault(group_labels(labels, grouping), []).append(at)
    if op in ("topk", "bottomk"):
        return _extremes(matrix, list(groups.values()), parameter, largest=op == "topk")
    function = _AGGREGATES[op]
    values = np.empty((len(groups), matrix.values.shape[1]))
    present = np.empty(values.shape, dtype=bool)
    with np.errstate(all="ignore"):
        for at, indexes in enumerate(groups.values()):
            members, flags = matrix.values[indexes], matrix.present[indexes]
            present[at] = flags.any(axis=0)
            values[at] = function(members, flags)
    return Matrix(list(groups), values, present)


def group_labels(labels: LabelSet, grouping: tree.Grouping | None) -> LabelSet:
    """Reduce labels to those that a grouping leaves."""
    if grouping is None:
        return ()
    if grouping.without:
        return tuple(pair for pair in labels if pair[0] not in grouping.labels and pair[1])
    return tuple(pair for pair in labels if pair[0] in grouping.labels)


def _sum(values: Floats, present: Flags) -> Floats:
    return np.asarray(np.where(present, values, 0.0).sum(axis=0))


def _count(values: Floats, present: Flags) -> Floats:  # noqa: ARG001
    return np.asarray(present.sum(axis=0), dtype=float)


def _average(values: Floats, present: Flags) -> Floats:
    return np.asarray(_sum(values, present) / present.sum(axis=0))


def _largest(values: Floats, present: Flags) -> Floats:
    """NaN counts only where there is nothing else."""
    numbers = present & ~np.isnan(values)
    found = np.where(numbers, values, -np.inf).max(axis=0)
    return np.where(numbers.any(axis=0), found, np.nan)


def _smallest(values: Floats, present: Flags) -> Floats:
    return -_largest(-values, present)


def _variance(values: Floats, present: Flags) -> Floats:
    counts = present.sum(axis=0)
    deviations = np.where(present, values - _sum(values, present) / counts, 0.0)
    # One member has no deviation, whatever it is.
    return np.where(counts == 1, 0.0, (deviations**2).sum(axis=0) / counts)


def _deviation(values: Floats, present: Flags) -> Floats:
    found: Floats = np.sqrt(_variance(values, present))
    return found


_AGGREGATES: dict[str, Callable[[Floats, Flags], Floats]] = {
    "sum": _sum,
    "count": _count,
    "avg": _average,
    "max": _largest,
    "min": _smallest,
    "stdvar": _variance,
    "stddev": _deviation,
}


def _extremes(matrix: Matrix, groups: list[list[int]], count: int, *, largest: bool) -> Matrix:
    """Keep the largest or smallest at each step of each group; NaN comes last, of equal ones the first."""
    chosen = np.zeros_like(matrix.present)
    for indexes in groups:
        values, present = matrix.values[indexes], matrix.present[indexes]
        keys = np.where(np.isnan(values), 0.0, -values if largest else values)
        order = np.lexsort((keys, np.isnan(values), ~present), axis=0)[:count]
        picked = np.zeros_like(present)
        np.put_along_axis(picked, order, values=True, axis=0)
        chosen[indexes] = picked & present
    return Matrix(matrix.labels, matrix.values, chosen).without_empty()


def _sorted(matrix: Matrix, *, descending: bool) -> Matrix:
    """Order series by the value at the first step: only instant answers have an order by value."""
    first = matrix.values[:, 0]
    keys = np.where(np.isnan(first), 0.0, -first if descending else first)
    return matrix.rows(np.lexsort((keys, np.isnan(first))))


# ---- arithmetic ----


def _divided(left: Floats, right: Floats) -> Floats:
    return np.where(right == 0, np.nan, left / right)


def _modulo(left: Floats, right: Floats) -> Floats:
    return np.where(right == 0, np.nan, np.fmod(left, right))


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divided,
    "%": _modulo,
    "^": np.float_power,
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}


def _calculate(
    op: str, left: Any, right: Any, kept: Any, present: Flags, *, returns_bool: bool
) -> tuple[Floats, Flags]:
    """Calculate values and where there are any; a comparison filters `kept` or gives 0 and 1."""
    with np.errstate(all="ignore"):
        result = _OPERATIONS[op](left, right)
    if op not in COMPARISONS:
        return result, present
    if returns_bool:
        return result.astype(float), present
    return np.broadcast_to(kept, result.shape), present & result


def with_number(query: tree.BinaryOperation, matrix: Matrix, number: float, *, number_left: bool) -> Matrix:
    """Calculate each series with a number on one side."""
    left, right = (number, matrix.values) if number_left else (matrix.values, number)
    values, present = _calculate(query.op, left, right, matrix.values, matrix.present, returns_bool=query.returns_bool)
    return Matrix(matrix.labels, values, present).without_empty()


def combined(query: tree.BinaryOperation, left: Matrix, right: Matrix) -> Matrix:
    """Calculate with the series of both sides that match. Raises BadInput when several match."""
    left_keys = [_signature(labels, query.matching) for labels in left.labels]
    right_keys = [_signature(labels, query.matching) for labels in right.labels]
    if query.op in tree.SET_OPERATIONS:
        return _set_operation(query.op, left, right, left_keys, right_keys)
    swapped = query.matching.group == "right"
    many, one = (right, left) if swapped else (left, right)
    many_keys, one_keys = (right_keys, left_keys) if swapped else (left_keys, right_keys)
    partners: dict[LabelSet, list[int]] = {}
    for at, key in enumerate(one_keys):
        partners.setdefault(key, []).append(at)
    _check_unique(one, partners, "left" if swapped else "right")
    results = []
    seen: dict[LabelSet | tuple[LabelSet, LabelSet], Flags] = {}
    for at, key in enumerate(many_keys):
        for other in partners.get(key, ()):
            both = many.present[at] & one.present[other]
            labels = _result_labels(many.labels[at], one.labels[other], query.matching)
            _check_once(seen, key, labels, both, query.matching)
            mine, theirs = many.values[at], one.values[other]
            first, second = (theirs, mine) if swapped else (mine, theirs)
            values, present = _calculate(query.op, first, second, first, both, returns_bool=query.returns_bool)
            results.append(Matrix([labels], values[None], present[None]))
    return stacked(results, left.values.shape[1]).without_empty()


def _check_unique(one: Matrix, partners: Mapping[LabelSet, list[int]], side: str) -> None:
    for indexes in partners.values():
        if len(indexes) > 1 and (one.present[indexes].sum(axis=0) > 1).any():
            raise BadInput(
                f"found duplicate series on the {side} hand-side"
                ";many-to-many matching not allowed: matching labels must be unique on one side"
            )


def _check_once(seen: dict[Any, Flags], key: LabelSet, labels: LabelSet, both: Flags, matching: tree.Matching) -> None:
    """Refuse two results of the same labels at one step."""
    place = (key, labels) if matching.group else key
    if place in seen and (seen[place] & both).any():
        if matching.group:
            raise BadInput("multiple matches for labels: grouping labels must ensure unique matches")
        raise BadInput("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
    seen[place] = seen.get(place, np.zeros_like(both)) | both


def _signature(labels: LabelSet, matching: tree.Matching) -> LabelSet:
    if not matching.explicit:
        return tuple(pair for pair in labels if pair[1])
    return tuple(pair for pair in labels if (pair[0] in matching.labels) == matching.on and pair[1])


def _result_labels(many: LabelSet, one: LabelSet, matching: tree.Matching) -> LabelSet:
    found = {name: value for name, value in many if value}
    if not matching.group and matching.explicit:
        found = {name: value for name, value in found.items() if (name in matching.labels) == matching.on}
    others = dict(one)
    for name in matching.include:
        found.pop(name, None)
        if others.get(name):
            found[name] = others[name]
    return label_set(found)


def _set_operation(
    op: str, left: Matrix, right: Matrix, left_keys: list[LabelSet], right_keys: list[LabelSet]
) -> Matrix:
    steps = left.values.shape[1]
    there = _presence(right if op != "or" else left, right_keys if op != "or" else left_keys)
    nowhere = np.zeros(steps, dtype=bool)
    keys, side = (left_keys, left) if op != "or" else (right_keys, right)
    matched = np.array([there.get(key, nowhere) for key in keys], dtype=bool).reshape(len(keys), steps)
    kept = Matrix(side.labels, side.values, side.present & (matched if op == "and" else ~matched)).without_empty()
    return kept if op != "or" else stacked([left, kept], steps)


def _presence(matrix: Matrix, keys: list[LabelSet]) -> dict[LabelSet, Flags]:
    found: dict[LabelSet, Flags] = {}
    for at, key in enumerate(keys):
        found[key] = matrix.present[at] | found[key] if key in found else matrix.present[at]
    return found


# ---- labels ----


def replace_label(matrix: Matrix, query: tree.LabelReplace) -> Matrix:
    """Set a label from another by an expression, where that matches."""
    compiled = regexp(f"^(?:{query.expression})$")
    labels = []
    for each in matrix.labels:
        found = compiled.match(dict(each).get(query.source, ""))
        if found is None:
            labels.append(each)
            continue
        value = expand_match(found, query.replacement)
        changed = {name: old for name, old in each if name != query.destination and old}
        labels.append(label_set({**changed, query.destination: value} if value else changed))
    return Matrix(labels, matrix.values, matrix.present)
