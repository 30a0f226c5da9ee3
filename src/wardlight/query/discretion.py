"""Faults of a query told without what stands in it: who sees no patients may still have asked for one by name."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"?|`([^`]*)`?', re.DOTALL)
_WORD = re.compile(r"[\w@+.-]*\d[\w@+.-]*")
_SHORT = 3
"""Characters from which a text is withheld."""


def withheld(message: str, query: str) -> str:
    """Take a query's texts, and its words with figures in them, out of a message about it.

    >>> withheld("error parsing regexp: missing closing ): `P-17(`", '{a="b"} |~ "P-17("')
    'error parsing regexp: missing closing ): `…`'
    """
    for text in sorted(_texts(query), key=len, reverse=True):
        message = message.replace(text, "…")
    return message


def _texts(query: str) -> Iterator[str]:
    found = set(_WORD.findall(query))
    for literal in _LITERAL.finditer(query):
        text = literal[1] or literal[2] or ""
        found |= {text, text.replace('\\"', '"').replace("\\\\", "\\")}
    yield from (text for text in found if len(text) >= _SHORT)
