"""How far a value goes, in each way that fields are written: quoted, escaped, listed, bare."""

from __future__ import annotations

import re

from wardlight.protect import looks
from wardlight.protect.kinds import SECRETS

_BARE = re.compile(rb"[^\s,;&\"'<>(){}\[\]|\x00]++")
_WHOLE_TOKEN = re.compile(rb"[^\s,;&\"'<>\x00]++")
_NEXT_FIELD = re.compile(
    rb"'(?![A-Za-z\x80-\xff])|[,;|&\t\r\n\"<>\x00){}\]]|\.? [\w.-]{1,40}[=:]|"
    rb"(?<!\b[DMJS]r)(?<!\bMrs)(?<!\bMs)(?<!\bProf)(?<![ =:\"-][A-Z])\.\s|\\[nrt]"
)
_ADDRESS_END = re.compile(rb"[;|&\t\r\n\"'<>\x00){}\]]|[.,]? [\w.-]{1,40}[=:]|\.\s|\\[nrt]")
_LONGEST = 160
"""Bytes of a bare value that may have spaces in it."""

Span = tuple[int, int]


def value_at(text: bytes, at: int, limit: int, kind: str) -> tuple[Span, bool]:
    """Return where the value that begins at `at` lies, at most up to `limit`, and whether it is in quotes."""
    if mark := looks.done_at(text, at):
        return (at, mark), False
    if text[at : at + 1] == b"[":
        # A list of objects is no secret, as FHIR's `authorization` of an audit event; what is in them has names.
        if kind in SECRETS and text[at + 1 : min(limit, at + 16)].lstrip(b" \t\r\n")[:1] == b"{":
            return (at, at), True
        return _listed(text, at, limit), True
    quoted = _quoted(text, at, limit)
    if quoted is not None:
        return quoted, True
    if text[at - 1 : at] == b">":
        return (at, _find(text, b"<", at, limit)), True
    if text[at - 2 : at] == b"=(":
        return (at, _find(text, b")", at, limit)), True
    return _bare(text, at, limit, kind), False


def _quoted(text: bytes, at: int, limit: int) -> Span | None:
    start = at
    while text[start : start + 1] == b"\\":
        start += 1
    quote = text[start : start + 1]
    if quote not in {b'"', b"'"} or start - at > 3:
        return None
    start += 1
    if start - at > 1:
        return start, _find(text, text[at:start], start, limit)
    end = start
    while (end := _find(text, quote, end, limit)) < limit:
        if quote == b"'" and end > start and text[end + 1 : end + 2] == b"'":
            end += 2
        elif (quote == b"'" and text[end - 1 : end].isalpha() and text[end + 1 : end + 2].isalpha()) or _escaped(
            text, end, start
        ):
            end += 1
        else:
            break
    return start, min(end, limit)


def _escaped(text: bytes, at: int, start: int) -> bool:
    before = text[max(start, at - 64) : at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def _listed(text: bytes, at: int, limit: int) -> Span:
    """The inside of a list, from its first word to its last."""
    end = _find(text, b"]", at, limit)
    inside = text[at + 1 : end]
    stripped = inside.lstrip(b" \t\r\n\\\"'")
    start = at + 1 + len(inside) - len(stripped)
    return start, start + len(stripped.rstrip(b" \t\r\n\\\"'"))


def _bare(text: bytes, at: int, limit: int, kind: str) -> Span:
    if kind in {"name", "address", "phone"}:
        ends = _ADDRESS_END if kind == "address" else _NEXT_FIELD
        until = min(limit, at + _LONGEST)
        found = ends.search(text, at, until)
        end = found.start() if found else until
        return at, at + len(text[at:end].rstrip())
    found = (_WHOLE_TOKEN if kind in {"password", "token"} else _BARE).match(text, at, limit)
    end = found.end() if found else at
    while end > at and text[end - 1 : end] in {b".", b":", b"\\", b")", b"}", b"]", b"!", b"?"} and kind != "password":
        end -= 1
    return at, end


def _find(text: bytes, what: bytes, at: int, limit: int) -> int:
    found = text.find(what, at, limit)
    return limit if found < 0 else found
