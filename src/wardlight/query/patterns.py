"""Expressions inside a query that name what they find: `regexp`, `pattern`, and the line filters `|>` and `!>`."""

from __future__ import annotations

import re

from wardlight.query.tree import regexp

_GROUP = re.compile(r"\(\?P?<(\w+)>")
_CAPTURE = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)>")


def parse_regexp_parser(text: str) -> dict[int, str]:
    """Read a `regexp` parser's named groups: number to name. Raises ValueError."""
    compiled = regexp(text)
    names: dict[int, str] = {number: name for name, number in compiled.groupindex.items()}
    if not names:
        raise ValueError("at least one named capture must be supplied")
    written = _GROUP.findall(text)
    for name in names.values():
        if written.count(name) > 1:
            raise ValueError(f"duplicate extracted label name '{name}'")
    return dict(sorted(names.items()))


def split_pattern(text: str) -> list[tuple[str, bool]]:
    """Cut a pattern into (literal, False) and (capture's name, True). Raises ValueError on two captures in a row.

    >>> split_pattern("<method> <_>")
    [('method', True), (' ', False), ('_', True)]
    """
    parts: list[tuple[str, bool]] = []
    at = 0
    for found in _CAPTURE.finditer(text):
        if found.start() > at:
            parts.append((text[at : found.start()], False))
        elif parts:
            raise ValueError(f"found consecutive capture '<{parts[-1][0]}>{found[0]}': invalid expression")
        parts.append((found[1], True))
        at = found.end()
    if at < len(text):
        parts.append((text[at:], False))
    return parts


def parse_pattern(text: str) -> list[tuple[str, bool]]:
    """Read a `pattern` parser's expression. Raises ValueError."""
    if not text:
        raise ValueError("syntax error: unexpected $end, expecting IDENTIFIER or LITERAL")
    parts = split_pattern(text)
    names = [part for part, captures in parts if captures and part != "_"]
    if not names:
        raise ValueError("at least one capture is required")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"duplicate capture name ({name}): invalid expression")
    return parts


def parse_line_pattern(text: str) -> list[tuple[str, bool]]:
    """Read a line filter's pattern: `<_>` only. Raises ValueError."""
    parts = split_pattern(text)
    for part, captures in parts:
        if captures and part != "_":
            raise ValueError(f"named captures are not allowed: found '<{part}>'")
    return parts
