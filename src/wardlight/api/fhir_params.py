r"""Parameters of a FHIR search for AuditEvents (IHE ITI-81) as a question. Pure.

A parameter that is repeated must be met each time; values between commas are alternatives. A token is `v`, `system|v`,
`|v` (of no system) or `system|` (any of it); `\`, `,`, `|` and `$` are escaped by a backslash (R4, 3.1.1.4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wardlight.audit.dates import within
from wardlight.audit.event import Reference, local_id
from wardlight.audit.fhir import SEARCHES
from wardlight.audit.question import Cursor, Question, Token, both
from wardlight.problems import BadInput

PAGE = "_page"
"""Where a page begins; of our own."""
_COUNT = 100
_MANY = 100
"""Alternatives and repetitions of one search; more would be a query that the engine's planner suffers from."""
_FIELDS = {
    "address": "address", "agent": "agent", "agent.identifier": "agent", "patient": "patient",
    "patient.identifier": "patient", "entity.identifier": "entity", "entity-type": "entity_type",
    "entity-role": "entity_role", "source.identifier": "source", "type": "type", "subtype": "subtype",
    "outcome": "outcome", "action": "action", "purpose": "purpose",
}  # fmt: skip
_TIMES = {"date": "recorded", "_lastUpdated": "received"}
_PART = re.compile(r"(?:[^\\|]|\\.)*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass
class Wanted:
    """A search: the question, how the answer is wished for, and what wasn't understood."""

    question: Question = Question()  # noqa: RUF009 -- frozen
    format: str = ""
    total: bool = False
    unknown: list[str] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    """Parameters that count, for the link to this search."""


def wanted(given: Sequence[tuple[str, str]]) -> Wanted:
    """Read parameters. Raises BadInput naming the one that makes no sense."""
    if len(given) > _MANY:
        raise BadInput(f"a search has at most {_MANY} parameters")
    found = Wanted()
    asked: dict[str, Any] = {"limit": _COUNT}
    for name, value in given:
        try:
            understood = _read(name, value, asked, found)
        except BadInput as problem:
            raise BadInput(f"parameter {name[:60]!r}: {problem}") from None
        if not understood:
            found.unknown.append(name)
        elif name != PAGE:
            found.used.append((name, value))
    found.question = Question(**asked)
    return found


def _read(name: str, value: str, asked: dict[str, Any], found: Wanted) -> bool:
    """Read one parameter; False if it isn't known, or is one of those that may be left out."""
    bare, _, modifier = name.partition(":")
    if modifier and bare in SEARCHES:
        raise BadInput("modifiers aren't understood")
    if name in _TIMES:
        spans = [within(each) for each in _alternatives(value)]
        asked[_TIMES[name]] = both(asked.get(_TIMES[name]), spans)
    elif name in _FIELDS:
        tokens = tuple(_token(name, each) for each in _alternatives(value))
        asked[_FIELDS[name]] = (*asked.get(_FIELDS[name], ()), tokens)
    elif name == "_id":
        indices = {int(each) for each in _alternatives(value) if each.isascii() and each.isdigit() and len(each) < 19}
        asked["index"] = tuple(sorted(indices.intersection(asked.get("index", indices))))
    else:
        return _read_form(name, value, asked, found)
    return True


def _read_form(name: str, value: str, asked: dict[str, Any], found: Wanted) -> bool:
    """Read a parameter that says how the answer is wished for."""
    if name == "_count":
        asked["limit"] = _count(value)
    elif name == "_format":
        found.format = value
    elif name == "_total" and value in ("none", "accurate", "estimate"):
        found.total = value == "accurate"
    elif name == PAGE:
        asked["after"] = Cursor.parse(value)
    else:
        return name == "_sort" and value == "-date"
    return True


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadInput("it is a number")
    return int(value)


def _alternatives(value: str) -> list[str]:
    found = re.split(r"(?<!\\),", value) if "\\" in value else value.split(",")
    if len(found) > _MANY:
        raise BadInput(f"more than {_MANY} alternatives")
    return found


def _token(name: str, value: str) -> Token:
    """Read a token, a reference or a string."""
    kind = SEARCHES[name]
    if not value:
        raise BadInput("it has no value")
    if kind == "reference":
        # Whose record it is, the table knows by the identifier alone; everybody else by the reference as it was sent.
        plain = _plain(value)
        return Token(local_id(Reference(reference=plain)) if name == "patient" else plain)
    first = _PART.match(value)
    end = first.end() if first and kind == "token" else len(value)
    if end == len(value):
        return Token(_plain(value))
    system, code = _plain(value[:end]), _plain(value[end + 1 :])
    if not code and (not system or name in ("patient.identifier", "outcome", "action", "purpose")):
        raise BadInput("it has no value")
    return Token(code, system)


def _plain(value: str) -> str:
    return _ESCAPED.sub(r"\1", value) if "\\" in value else value
