"""What the console's pages ask of the logs, in the sight of whoever asks; all of it by LogQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from starlette.requests import HTTPConnection

from wardlight.access.principal import principal
from wardlight.console.snapshot import Away
from wardlight.console.spans import Span
from wardlight.problems import Problem
from wardlight.query import QueryService, Range, Reader
from wardlight.query.answer import MatrixAnswer, Series, VectorAnswer
from wardlight.query.format import quote
from wardlight.query.host import Entry

Counts = list[tuple[dict[str, str], float]]
"""Labels and how many, the most first."""
T = TypeVar("T")


class Asking:
    """One reader's questions. Methods block; each may raise what the query service raises."""

    def __init__(self, queries: QueryService, request: HTTPConnection) -> None:
        self.who = principal(request)
        self._queries = queries
        self._reader = Reader(
            self.who.name, f"console:{secrets.token_hex(8)}", sight=self.who.sight, address=self.who.address
        )

    def lines(self, query: str, start: int, end: int, limit: int) -> list[Entry]:
        """List the newest lines, the newest first."""
        return self._queries.newest(query, start, end, limit, self._reader)

    def oldest(self, query: str, start: int, end: int, limit: int) -> list[Entry]:
        """List the oldest lines, the oldest first."""
        return self._queries.follow(query, start, end, limit, self._reader)

    def counts(self, query: str, at: int) -> Counts:
        """Ask for numbers at one moment; those that are 0 are left out."""
        result = self._queries.instant(query, at, self._reader).result
        series = result.series if isinstance(result, VectorAnswer) else []
        found = [(dict(one.labels), one.points[0][1]) for one in series if one.points and one.points[0][1] > 0]
        return sorted(found, key=lambda pair: (-pair[1], sorted(pair[0].items())))

    def curves(self, query: str, span: Span, step: int) -> list[Series]:
        """Ask for numbers over time: a point stands for the step that ends with it."""
        # LogQL counts a step's end and not its beginning; spans are the other way round: hence the nanosecond.
        question = Range(query=query, start=span.floor(step) + step - 1, end=span.ceiling(step) - 1, step=step)
        result = self._queries.range(question, self._reader).result
        series = result.series if isinstance(result, MatrixAnswer) else []
        return [Series(one.labels, [(at + 1, value) for at, value in one.points]) for one in series]

    def values(self, label: str, span: Span) -> list[str]:
        """List the values of a label."""
        return self._queries.label_values(label, span.start, span.end, "", self._reader)


def or_away(ask: Callable[[], T]) -> T | Away:
    """Ask; if there is no answer, say why."""
    try:
        return ask()
    except Problem as problem:
        return Away(str(problem))


def selector(kinds: Iterable[str] = (), labels: Mapping[str, str] | None = None) -> str:
    """Write a stream selector; of no kind in particular, all kinds are meant.

    >>> selector(["error"], {"service_name": "clinic"}), selector(["error", "audit"]), selector()
    ('{kind="error", service_name="clinic"}', '{kind=~"error|audit"}', '{kind=~".+"}')
    """
    found = list(kinds)
    one = f"kind={quote(found[0])}" if len(found) == 1 else f"kind=~{quote('|'.join(found) or '.+')}"
    return "{" + ", ".join([one, *(f"{name}={quote(value)}" for name, value in (labels or {}).items())]) + "}"
