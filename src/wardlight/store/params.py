"""Binding: Python values as ClickHouse's text form of a `{name:Type}` parameter.

The engine unescapes a parameter's text before it parses it as its type, so backslashes, tabs and newlines are escaped
once for that, and once more inside the quotes of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

Param = str | int | float | Sequence[str] | Sequence[int]
"""What may be bound to a placeholder: String, a number, Array(String), Array(Int64)."""

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f", "'": "\\'"}
)


def bind(value: Param) -> str:
    r"""Write a value as the engine reads it.

    >>> bind("a\tb"), bind(["it's", "\\"]), bind(7)
    ('a\\tb', "['it\\'s','\\\\']", '7')
    """
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, Sequence):
        return "[" + ",".join(_element(item) for item in value) + "]"
    return repr(value)


def _element(value: str | float) -> str:
    return "'" + value.translate(_ESCAPES) + "'" if isinstance(value, str) else repr(value)
