"""How far a value goes, in each way that fields are written: quoted, escaped, listed, bare."""

from __future__ import annotations

import re

from wardlight.protect import looks
from wardlight.protect.kinds import SECRETS

_BARE = re.compile(rb"[^\s,;&\"'<>(){}\[\]|\x00]++")
_WHOLE_TOKEN = re.compile(rb"[^\s,;&\"'<>\x00]++")
# What begins with a set of bytes is searched several times as quickly.
_NEXT_FIELD = re.compile(
    rb"[',;|&\t\r\n\"<>\x00){}\]. \\](?:(?<=[,;|&\t\r\n\"<>\x00){}\]])|(?<=')(?![A-Za-z\x80-\xff])|(?:(?<=\.) |(?<= ))[\w.-]{1,40}[=:]|"
    rb"(?<=\.)(?<!\b[DMJS]r\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bProf\.)(?<![ =:\"-][A-Z]\.)\s|(?<=\\)[nrt])"
)
_ADDRESS_END = re.compile(
    rb"[;|&\t\r\n\"'<>\x00){}\]., \\](?:(?<=[;|&\t\r\n\"'<>\x00){}\]])|(?:(?<=[.,]) |(?<= ))[\w.-]{1,40}[=:]|(?<=\.)\s|(?<=\\)[nrt])"
)
_ESCAPED_QUOTE = re.compile(rb"\\{1,3}[\"']")
_BACKSLASH = 92
_LONGEST = 160
"""Bytes of a bare value that may have spaces in it."""

Extent = tuple[int, int, bool]
"""Where a value lies, and whether it is in quotes."""


def value_at(text: bytes, at: int, limit: int, kind: str) -> Extent:
    """Return how far the value goes that begins at `at`, at most up to `limit`."""
    first = text[at : at + 1]
    if first in {b'"', b"'"}:
        return at + 1, _end_of_quoted(text, at + 1, limit, first), True
    if first == b"\\" and (mark := _ESCAPED_QUOTE.match(text, at)):
        return mark.end(), _find(text, mark[0], mark.end(), limit), True
    if end := looks.done_at(text, at):
        return at, end, False
    if first == b"[":
        # A list of objects is no secret, as FHIR's `authorization` of an audit event; what is in them has names.
        if kind in SECRETS and text[at + 1 : min(limit, at + 16)].lstrip(b" \t\r\n")[:1] == b"{":
            return at, at, True
        return _listed(text, at, limit)
    if text[at - 1 : at] == b">":
        return at, _find(text, b"<", at, limit), True
    if text[at - 2 : at] == b"=(":
        return at, _find(text, b")", at, limit), True
    return at, _end_of_bare(text, at, limit, kind), False


def _end_of_quoted(text: bytes, start: int, limit: int, quote: bytes) -> int:
    end = start
    while (end := text.find(quote, end, limit)) >= 0:
        if quote == b"'" and end > start and text[end + 1 : end + 2] == b"'":
            end += 2
        elif (quote == b"'" and text[end - 1 : end].isalpha() and text[end + 1 : end + 2].isalpha()) or _escaped(
            text, end, start
        ):
            end += 1
        else:
            return end
    return limit


def _escaped(text: bytes, at: int, start: int) -> bool:
    if at == start or text[at - 1] != _BACKSLASH:
        return False
    before = text[max(start, at - 64) : at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def _listed(text: bytes, at: int, limit: int) -> Extent:
    """The inside of a list, from its first word to its last."""
    end = _find(text, b"]", at, limit)
    inside = text[at + 1 : end]
    stripped = inside.lstrip(b" \t\r\n\\\"'")
    start = at + 1 + len(inside) - len(stripped)
    return start, start + len(stripped.rstrip(b" \t\r\n\\\"'")), True


def _end_of_bare(text: bytes, at: int, limit: int, kind: str) -> int:
    if kind in {"name", "address", "phone"}:
        ends = _ADDRESS_END if kind == "address" else _NEXT_FIELD
        until = min(limit, at + _LONGEST)
        found = ends.search(text, at, until)
        end = found.start() if found else until
        return at + len(text[at:end].rstrip())
    found = (_WHOLE_TOKEN if kind in {"password", "token"} else _BARE).match(text, at, limit)
    end = found.end() if found else at
    while end > at and text[end - 1 : end] in {b".", b":", b"\\", b")", b"}", b"]", b"!", b"?"} and kind != "password":
        end -= 1
    return end


def _find(text: bytes, what: bytes, at: int, limit: int) -> int:
    found = text.find(what, at, limit)
    return limit if found < 0 else found
