"""What a query asks of its parsers, found before anything is parsed.

Loki's metric queries extract only the labels that are used, and stop reading a line when they have them: a fault behind
that point is no fault. Answers depend on it, so the same is done here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wardlight.query import tree
from wardlight.query.labels import EXTRACTED
from wardlight.query.template import Template


@dataclass(frozen=True)
class Needs:
    """What parsers must find."""

    labels: frozenset[str] | None = None
    """The labels to extract; None for all. When all are extracted, the rest of the line doesn't matter."""
    nothing: bool = False
    """Whether no label is used at all: parsers are left out."""

    @property
    def keeps_errors(self) -> bool:
        """Whether errors of parsers were asked for, and don't fail a metric query."""
        return self.labels is not None and tree.ERROR in self.labels


EVERYTHING = Needs()


def metric_needs(
    stages: Iterable[tree.Stage], unwrap: tree.Unwrap | None, groups: tuple[str, ...], *, without: bool, no_labels: bool
) -> Needs:
    """Say what a range aggregation's stages and grouping need."""
    names = [name for stage in stages for name in _stage_names(stage)]
    if unwrap is not None:
        names += [name for condition in unwrap.filters for name in condition_names(condition)] + [unwrap.label]
    required = frozenset(each for name in (*names, *groups) for each in (name, name.removesuffix(EXTRACTED)) if each)
    if no_labels:
        return Needs(required) if required else Needs(nothing=True)
    return EVERYTHING if without or not groups else Needs(required)


def condition_names(condition: tree.Condition) -> list[str]:
    """Name the labels of a condition."""
    if isinstance(condition, tree.Both | tree.Either):
        return condition_names(condition.left) + condition_names(condition.right)
    return [condition.name]


def _stage_names(stage: tree.Stage) -> list[str]:
    if isinstance(stage, tree.LabelFilter):
        return condition_names(stage.condition)
    if isinstance(stage, tree.LineFormat):
        return sorted(Template(stage.template).fields)
    if isinstance(stage, tree.LabelFormat):
        return [
            name
            for each in stage.assignments
            for name in ([each.value] if each.rename else sorted(Template(each.value).fields))
        ]
    return []
