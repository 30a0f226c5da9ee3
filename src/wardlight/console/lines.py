"""Log lines as pages show them, and a query's text changed by a click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from wardlight.clock import moment
from wardlight.problems import BadInput
from wardlight.query import tree
from wardlight.query.format import one_line
from wardlight.query.host import Entry
from wardlight.query.lex import ParseError
from wardlight.records import LEVELS, labels_of

CUT = 200
"""Characters of a line in a list; all of it is in its details."""

_SERVICE = 40


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a list."""

    ts: int
    at: datetime
    level: str
    kind: str
    service: str
    text: str
    """Its beginning."""
    cut: bool
    link: str
    """The page of the line, with those around it."""
    here: bool = False
    """It is the line that the page is about."""

    @property
    def weight(self) -> int:
        """About how many bytes it has on a page, escaped."""
        return 400 + len(self.link) + 5 * (len(self.text) + len(self.service))


@dataclass(frozen=True)
class Details:
    """All that is known of a line."""

    row: Row
    line: str
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Names of the groups of fields, and each group's fields."""
    trace: str


def row(entry: Entry, here: int = 0) -> Row:
    """Show an entry in a list."""
    labels = entry.labels()
    level = labels.get("level", "").lower()
    return Row(
        ts=entry.ts,
        at=moment(entry.ts),
        level=level if level in LEVELS else "unknown",
        kind=labels.get("kind", ""),
        service=labels.get("service_name", "")[:_SERVICE],
        text=entry.line[:CUT],
        cut=len(entry.line) > CUT,
        link=f"/logs/line?{urlencode({'at': entry.ts, 'stream': entry.stream})}",
        here=entry.ts == here,
    )


def details(entry: Entry) -> Details:
    """Show all of an entry."""
    found = (("Labels", entry.base), ("Structured metadata", entry.metadata), ("Parsed by the query", entry.parsed))
    groups = tuple((name, tuple(sorted(fields.items()))) for name, fields in found if fields)
    return Details(row(entry), entry.line, groups, entry.labels().get("trace_id", ""))


def stream_selector(stream: str) -> tuple[tree.Matcher, ...]:
    """Read which stream is meant, written as `records.stream_of` writes it. Raises BadInput."""
    try:
        labels = msgspec.convert(labels_of(stream), dict[str, str])
    except (ValueError, msgspec.ValidationError):
        raise BadInput("this is no stream") from None
    if not labels:
        raise BadInput("this is no stream")
    return tuple(tree.Matcher(name, "=", value) for name, value in labels.items())


def in_stream(stream: str, query: tree.Query | None = None) -> str:
    """Write the query of one stream, through the stages of another query."""
    stages = query.stages if isinstance(query, tree.LogQuery) else ()
    return one_line(tree.LogQuery(stream_selector(stream), stages))


def chosen(query: tree.Query | None, name: str) -> str:
    """Say to which value of a label a query is narrowed, if to one."""
    if not isinstance(query, tree.LogQuery):
        return ""
    return next((it.value for it in query.matchers if it.name == name and it.op == "="), "")


def narrowed(query: tree.LogQuery, name: str, value: str) -> str:
    """Write the query for one value of a label; of no value, for all.

    >>> from wardlight.query.parse import parse_logs
    >>> narrowed(parse_logs('{kind=~"error|audit"} |= "x"'), "kind", "error")
    '{kind="error"} |= "x"'
    >>> narrowed(parse_logs('{kind="error"}'), "kind", "")
    '{kind=~".+"}'
    """
    kept = tuple(it for it in query.matchers if it.name != name)
    if value:
        kept = (*kept, tree.Matcher(name, "=", value))
    return one_line(replace(query, matchers=kept or (tree.Matcher("kind", "=~", ".+"),)))


def wrong_at(query: str, error: ParseError) -> tuple[str, str, str]:
    """Cut a query into what is before, at and after the place where it is wrong; at its end a sign stands there."""
    lines = query.split("\n")
    if not 1 <= error.line <= len(lines):
        return query, "", ""
    at = sum(len(line) + 1 for line in lines[: error.line - 1]) + error.column - 1
    at = min(max(at, 0), len(query))
    return query[:at], query[at : at + 1].strip() or "⟨here⟩", query[at + 1 :]


def parameters(query: str, asked: Mapping[str, str]) -> str:
    """Write the address of a query of a span."""
    return f"/logs?{urlencode({'query': query, **asked})}"
