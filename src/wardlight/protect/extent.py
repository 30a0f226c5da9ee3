"""How far a value goes, in each way that fields are written: quoted, escaped, listed, bare."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from wardlight.protect import looks
from wardlight.protect.kinds import SECRETS

Span = tuple[int, int]
Extent = Callable[[bytes, int, int], Span]
"""Of a text, where a value begins with its signs, and up to where it may go: where it lies without them."""


class Written(NamedTuple):
    """How a value is written."""

    extent: Extent
    quoted: bool


_QUOTE = re.compile(rb"\\{0,3}[\"']")
_OPENING = re.compile(rb"\[(?:[ \t\r\n\\\"']|" + looks.DONE + rb"[\\\"' ]*+,)*+")
_LISTED = re.compile(rb"\]|" + looks.DONE)
_BACKSLASH = 92
_LONGEST = 160
"""Bytes of a bare value that may have spaces in it."""

# What begins with a set of bytes is searched several times as quickly.
_NEXT_FIELD = re.compile(
    rb"[',;|&\t\r\n\"<>\x00){}\]. \\](?:(?<=[,;|&\t\r\n\"<>\x00){}\]])|(?<=')(?![A-Za-z\x80-\xff])|(?:(?<=\.) |(?<= ))[\w.-]{1,40}[=:]|"
    rb"(?<=\.)(?<!\b[DMJS]r\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bProf\.)(?<![ =:\"-][A-Z]\.)\s|(?<=\\)[nrt])"
)
_ADDRESS_END = re.compile(
    rb"[;|&\t\r\n\"'<>\x00){}\]., \\](?:(?<=[;|&\t\r\n\"'<>\x00){}\]])|(?:(?<=[.,]) |(?<= ))[\w.-]{1,40}[=:]|(?<=\.)\s|(?<=\\)[nrt])"
)


def written(before: bytes, opening: bytes, kind: str) -> Written:
    """Say how a value is written by what stands before it and its first bytes, at least four of them if there are."""
    if mark := _QUOTE.match(opening):
        return Written(partial(_quoted if len(mark[0]) == 1 else _escaped, mark[0]), quoted=True)
    quoted = True
    if opening[:1] == b"[":
        extent: Extent = partial(_listed, kind in SECRETS)
    elif before.endswith(b">"):
        extent = partial(_until, b"<")
    elif before.endswith(b"=("):
        extent = partial(_until, b")")
    else:
        quoted = False
        extent = _BARE.get(kind, _word)
    return Written(partial(_if_new, extent) if opening[:1] in {b"[", b"p"} else extent, quoted)


def value_at(text: bytes, at: int, limit: int, kind: str) -> tuple[int, int, bool]:
    """Return where the value lies that begins at `at`, at most up to `limit`, and whether it is in quotes."""
    extent, quoted = written(text[max(0, at - 2) : at], text[at : at + 4], kind)
    return (*extent(text, at, limit), quoted)


def _quoted(quote: bytes, text: bytes, at: int, limit: int) -> Span:
    start = end = at + 1
    while (end := text.find(quote, end, limit)) >= 0:
        if quote == b"'" and end > start and text[end + 1 : end + 2] == b"'":
            end += 2
        elif (end > start and text[end - 1] == _BACKSLASH and _is_escaped(text, end, start)) or (
            quote == b"'" and text[end - 1 : end].isalpha() and text[end + 1 : end + 2].isalpha()
        ):
            end += 1
        else:
            return start, end
    return start, limit


def _is_escaped(text: bytes, at: int, start: int) -> bool:
    before = text[max(start, at - 64) : at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def _escaped(mark: bytes, text: bytes, at: int, limit: int) -> Span:
    start = at + len(mark)
    return start, _find(text, mark, start, limit)


def _until(mark: bytes, text: bytes, at: int, limit: int) -> Span:
    return at, _find(text, mark, at, limit)


def _if_new(extent: Extent, text: bytes, at: int, limit: int) -> Span:
    """Nothing where a value has been replaced already."""
    return (at, at) if looks.done_at(text, at) else extent(text, at, limit)


def _listed(secret: bool, text: bytes, at: int, limit: int) -> Span:
    """The inside of a list, from its first word to its last, without what has been replaced already."""
    # A list of objects is no secret, as FHIR's `authorization` of an audit event; what is in them has names.
    if secret and text[at + 1 : min(limit, at + 16)].lstrip(b" \t\r\n")[:1] == b"{":
        return at, at
    start = _OPENING.match(text, at, limit).end()  # type: ignore[union-attr]  # it may be empty
    end = _LISTED.search(text, start, limit)
    inside = text[start : end.start() if end else limit]
    return start, start + len(inside.rstrip(b" \t\r\n\\\"',"))


def _matching(pattern: bytes) -> Extent:
    match = re.compile(pattern).match

    def extent(text: bytes, at: int, limit: int) -> Span:
        found = match(text, at, limit)
        return found.span() if found else (at, at)

    return extent


def _before(ends: re.Pattern[bytes]) -> Extent:
    def extent(text: bytes, at: int, limit: int) -> Span:
        until = min(limit, at + _LONGEST)
        found = ends.search(text, at, until)
        end = found.start() if found else until
        return at, end if text[end - 1] > 32 else at + len(text[at:end].rstrip())

    return extent


def _date(text: bytes, at: int, limit: int) -> Span:
    day = looks.DATE.match(text, at, limit)
    return day.span() if day else _word(text, at, limit)


def _find(text: bytes, what: bytes, at: int, limit: int) -> int:
    found = text.find(what, at, limit)
    return limit if found < 0 else found


_word = _matching(rb"[^\s,;&\"'<>(){}\[\]|\x00]*[^\s,;&\"'<>(){}\[\]|\x00.:\\!?]")
_BARE: dict[str, Extent] = {
    "name": _before(_NEXT_FIELD), "phone": _before(_NEXT_FIELD), "address": _before(_ADDRESS_END), "birth_date": _date,
    "password": _matching(rb"[^\s,;&\"'<>\x00]++"), "token": _matching(rb"[^\s,;&\"'<>\x00]*[^\s,;&\"'<>\x00.:\\)}\]!?]"),
}  # fmt: skip
"""Kind: how far its values go that stand without quotes; those of others are a word."""
