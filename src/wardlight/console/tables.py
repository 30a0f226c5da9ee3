"""Counts from the logs as tables: what several pages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardlight.console.asking import Asking, Counts, or_away
from wardlight.console.lines import parameters
from wardlight.console.snapshot import Away
from wardlight.console.spans import Span

ROWS = 15
"""Rows of a table: those with the highest counts."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a table counts: lines by some of their labels."""

    title: str
    help: str
    lines: str
    """The lines in LogQL."""
    by: tuple[tuple[str, str], ...]
    """Labels, and what people call them."""

    @property
    def labels(self) -> str:
        """The labels as LogQL has them."""
        return ", ".join(label for label, _ in self.by)


@dataclass(frozen=True)
class Table:
    """A question with its answer: rows of cells, the count last."""

    question: Question
    rows: list[tuple[list[str], float]] | Away
    logs: str
    """Where its lines are."""

    @property
    def heads(self) -> Sequence[str]:
        """The names of the columns."""
        return [*(name for _, name in self.question.by), "Count"]


def table(asking: Asking, question: Question, span: Span) -> Table:
    """Count what a question is about."""

    def ask() -> list[tuple[list[str], float]]:
        counted = f"topk({ROWS}, sum by ({question.labels}) (count_over_time({question.lines} [{span.duration}])))"
        return rows(asking.counts(counted, span.end), question)

    return Table(question, or_away(ask), parameters(question.lines, span.asked))


def rows(counts: Counts, question: Question) -> list[tuple[list[str], float]]:
    """Put counts into a question's columns."""
    return [([labels.get(label, "") for label, _ in question.by], value) for labels, value in counts]
