"""What is in a text: where each identifier and secret begins and ends, and of which kind it is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import re2

from wardlight.protect import checks, hl7, looks
from wardlight.protect.extent import value_at
from wardlight.protect.kinds import FIELDS, VAGUE
from wardlight.protect.patterns import NAMES, alternation


class Finding(NamedTuple):
    """Bytes `start` to `end` of a text are of a kind."""

    start: int
    end: int
    kind: str


class Place(NamedTuple):
    """Where something may be: a match from `start` to `end`, in a value that ends at `limit`, not before `floor`."""

    text: bytes
    start: int
    end: int
    floor: int
    limit: int

    @property
    def matched(self) -> bytes:
        """The bytes that the pattern found."""
        return self.text[self.start : self.end]


_REMEMBERED = 50_000
_FIGURES = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
_SAME = bytes(range(256))
"""Matches that differ only in figures after the first are of one pattern, unless it's the administrator's."""

Found = list[tuple[int, int, str]]
Way = tuple[Callable[[Place], Found], int]
_ANYWHERE = re2._re2.RE2.Anchor.UNANCHORED  # noqa: SLF001

_NOTHING: Found = []
_SQUEEZE = re.compile(rb"[_. -]")
_VAGUE = {_SQUEEZE.sub(b"", name.encode()) for name in VAGUE}
_LONE = {b"given", b"family", b"patient"}
"""Fields that hold a part of a name, or something else."""
_KINDS = {_SQUEEZE.sub(b"", name.lower().encode()): kind for kind, names in FIELDS.items() for name in names}
_SEPARATOR = re.compile(
    rb"(?:\\{0,3}[\"']\]?[ \t]*|[ \t]*|\))(?:=>|:=|==|[:=]\(?|>| value=|[ \t](?i:i?like)[ \t])[ \t]*"
)
_WORD = re.compile(rb"[A-Za-z0-9+/=._~-]++")
_LOCAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-" + bytes(range(128, 256))
_DOMAIN = re.compile(
    rb"(?:@|%40)((?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]{0,61}[A-Za-z0-9\x80-\xff])?\.){1,8}[A-Za-z\x80-\xff]{2,24})(?![\w-])"
)
_PASSWORD_IN_URL = re.compile(rb"[^\s/;\"'<>\x00]{1,256}@")
_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{8,2048}+\.[A-Za-z0-9_-]{2,}+(?:\.[A-Za-z0-9_-]*+){0,3}")


class Finder:
    """Finds identifiers and secrets; `mrn_patterns` are the administrator's own RE2 patterns."""

    def __init__(self, mrn_patterns: Iterable[str] = ()) -> None:
        own = tuple(mrn_patterns)
        grouped, plain = alternation(own)
        # What stands around this call in the module re2 costs twice as much as the search.
        self._match = plain._regexp.Match  # noqa: SLF001
        self._shape = _SAME if own else _FIGURES
        self._grouped = grouped
        self._ways: dict[tuple[int, bytes], Way] = {}

    def find(self, text: bytes) -> list[Finding]:
        """Return what is in a text, in its order and without overlaps; a zero byte ends a value."""
        found: Found = []
        at = floor = 0
        limit = -1
        whole = len(text)
        match, ways, figures = self._match, self._ways, self._shape
        while True:
            start, end = match(_ANYWHERE, text, at, whole)[0]
            if start < 0:
                return list(map(Finding._make, found))
            if limit < start:
                limit = text.find(b"\0", start)
                limit = whole if limit < 0 else limit
            matched = text[start:end]
            shape = (matched[0], matched.translate(figures))
            handler, again = ways.get(shape) or self._way_of(shape, matched)
            here = handler(Place(text, start, end, floor, limit))
            if here:
                found += here
                at = floor = here[-1][1]
            else:
                at = max(start + 1, end - again)

    def _way_of(self, shape: tuple[int, bytes], matched: bytes) -> Way:
        """Say which pattern matched; groups would tell, but cost several times the search."""
        found = self._grouped.fullmatch(matched)
        way = _HANDLERS[NAMES[found.lastindex] if found else "done"]
        if len(self._ways) >= _REMEMBERED:
            self._ways.clear()
        self._ways[shape] = way
        return way


def _done(_place: Place) -> Found:
    return _NOTHING


def _whole(kind: str) -> Callable[[Place], Found]:
    return lambda place: [(place.start, place.end, kind)]


def _checked(kind: str, check: Callable[[bytes], bool]) -> Callable[[Place], Found]:
    """Return a handler for figures that stand alone and pass a check."""

    def handler(place: Place) -> Found:
        return [(place.start, place.end, kind)] if looks.alone(*place[:3]) and check(place.matched) else _NOTHING

    return handler


def _segment(place: Place) -> Found:
    return [
        one
        for one in hl7.segment(place.text, place.end - 4, place.limit)
        if not looks.done(place.text[one[0] : one[1]])
    ]


def _private_key(place: Place) -> Found:
    """To the end of the key; of one that is cut off, to the end of the text."""
    end = place.text.find(b"-----END ", place.end, place.limit)
    if end >= 0:
        end = place.text.find(b"-----", end + 9, place.limit)
    return [(place.start, place.limit if end < 0 else end + 5, "private_key")]


def _jwt(place: Place) -> Found:
    found = _JWT.match(place.text, place.start, place.limit)
    return [(place.start, found.end(), "jwt")] if found else _NOTHING


def _url_password(place: Place) -> Found:
    found = _PASSWORD_IN_URL.match(place.text, place.end, place.limit)
    if not found or looks.done(found[0][:-1]):
        return _NOTHING
    return [(place.end, found.end() - 1, "password")]


class _Named(NamedTuple):
    """The name of a field and what stands between it and its value."""

    key: bytes
    squeezed: bytes
    """Its letters only, small."""
    separator: bytes
    size: int
    """Bytes of both."""
    kind: str


@lru_cache(maxsize=_REMEMBERED)
def _named(matched: bytes) -> _Named | None:
    separator = _SEPARATOR.search(matched)
    if separator is None:
        return None
    key, size = matched[: separator.start()], separator.end()
    squeezed = _SQUEEZE.sub(b"", key.decode().lower().encode())
    kind = _KINDS.get(squeezed, "")
    if kind in {"password", "token"} and separator[0].endswith(b"(") and not separator[0].startswith(b")"):
        size -= 1  # the bracket is of the value
    return _Named(key, squeezed, separator[0], size, kind) if kind else None


def _field(place: Place) -> Found:
    """A field with a telling name: its value, if that looks like one of the kind."""
    named = _named(place.text[place.start : place.end])
    if (
        named is None
        or not looks.begins_word(place.text, place.start, named.key)
        or (named.separator == b">" and place.text[place.start - 1 : place.start] not in {b"<", b":"})
    ):
        return _NOTHING
    kind, squeezed, at = named.kind, named.squeezed, place.start + named.size
    (start, end), quoted = value_at(place.text, at, place.limit, kind)
    if kind == "birth_date" and not quoted and (day := looks.DATE.match(place.text, at, place.limit)):
        end = day.end()
    length = looks.LOOKS["given" if squeezed in _LONE else kind](place.text[start:end], quoted, squeezed in _VAGUE)
    if not length or (
        kind == "password" and named.separator.strip() == b":" and not quoted and place.text[start:end].isalpha()
    ):
        return _NOTHING
    if kind in {"token", "password"} and (scheme := looks.SCHEME.match(place.text, start, place.limit)):
        start, length = scheme.end(), _word_at(place.text, scheme.end(), place.limit) - scheme.end()
    if kind == "cookie":
        length = looks.cookie(place.text, start, place.limit, whole=b"cookie" in squeezed, quoted=quoted)
    if kind == "token":
        kind = _token_kind(place.text[start : start + length])
    return [(start, start + length, kind)] if length > 0 else _NOTHING


def _human(place: Place) -> Found:
    """A name or an address of FHIR that is written in one piece."""
    at = place.start + len(place.matched[:-1].rstrip(b'\\"'))
    kind = "name" if place.matched[:1] in b"nN" else "address"
    (start, end), quoted = value_at(place.text, at, place.limit, kind)
    return [(start, end, kind)] if quoted and not looks.empty(place.text[start:end]) else _NOTHING


def _word_at(text: bytes, at: int, limit: int) -> int:
    found = _WORD.match(text, at, limit)
    return found.end() if found else at


def _bearer(place: Place) -> Found:
    end = _word_at(place.text, place.end - 1, place.limit)
    word = place.text[place.end - 1 : end]
    if place.matched[:2].lower() == b"ba":
        try:
            good = b":" in base64.b64decode(word, validate=True)
        except binascii.Error:
            good = False
    else:
        good = looks.like_secret(word)
    return [(place.end - 1, end, _token_kind(word))] if good else _NOTHING


def _token_kind(word: bytes) -> str:
    return "jwt" if _JWT.match(word) else "token"


def _token(place: Place) -> Found:
    end = _word_at(place.text, place.end - 1, place.limit)
    return (
        [(place.start, end, "token")]
        if end - place.start >= 18 and looks.like_secret(place.text[place.start : end])
        else _NOTHING
    )


def _email(place: Place) -> Found:
    domain = _DOMAIN.match(place.text, place.start, place.limit)
    if not domain:
        return _NOTHING
    before = place.text[max(place.floor, place.start - 64) : place.start]
    local = before[len(before.rstrip(_LOCAL)) :]
    rest = before[: len(before) - len(local)]
    if rest[-1:] == b"'" and rest[-2:-1].isalpha():
        local = rest[len(rest[:-1].rstrip(_LOCAL)) :] + local
    local = local.lstrip(b".-%+")
    start = place.start - len(local)
    return [(start, domain.end(), "email")] if local and not local.endswith(b".") else _NOTHING


def _birth_date(place: Place) -> Found:
    found = looks.DATE_AFTER.match(place.text, place.end - 1, place.limit)
    return [(*found.span(1), "birth_date")] if found and checks.birth_date(found[1]) else _NOTHING


def _numbered(place: Place) -> Found:
    """A number behind the word that says what it is."""
    word = place.matched[:3].lower()
    kind = {b"ssn": "ssn", b"soc": "ssn", b"nhs": "nhs", b"cre": "card", b"car": "card", b"iba": "iban"}.get(
        word, "mrn"
    )
    found = looks.NUMBER_AFTER[kind].match(place.text, place.end - 1, place.limit)
    return [(*found.span(1), kind)] if found and looks.NUMBER[kind](found[1]) else _NOTHING


def _said(place: Place) -> Found:
    """A password or a token in a sentence, or behind an option of a command."""
    found = looks.SECRET_AFTER.match(place.text, place.end - 1, place.limit)
    if not found:
        return _NOTHING
    group = 1 if found[1] is not None else 2
    dashed = place.text[place.start - 2 : place.start] == b"--"
    good = not looks.empty(found[group]) and (group == 1 or dashed or looks.like_password(found[group]))
    kind = "password" if place.matched[:1].lower() in b"pi" else "token"
    return [(*found.span(group), "jwt" if _JWT.match(found[group]) else kind)] if good else _NOTHING


def _called(place: Place) -> Found:
    found = looks.PHONE_AFTER.match(place.text, place.end - 1, place.limit)
    if not found or not looks.phone(found[1]):
        return _NOTHING
    return [(*found.span(1), "phone")]


def _patient(place: Place) -> Found:
    found = looks.PATIENT_NUMBER.search(place.text, place.start, min(place.limit, place.end + 64))
    if not found:
        return _NOTHING
    direct = place.matched[7:9].lstrip(b"sS")[:1] == b"/"
    if not direct and not looks.many_digits(found[1]):
        return _NOTHING
    number = (*found.span(1), "mrn")
    shown = looks.DISPLAY.match(place.text, found.end(), place.limit)
    return [number, (*shown.span(1), "name")] if shown and not looks.empty(shown[1]) else [number]


def _person(place: Place) -> Found:
    start = place.end - len(looks.NAME_BEGUN.search(place.matched)[0])  # type: ignore[index]  # the pattern found it
    first = place.end - len(place.matched.rpartition(b" ")[2])
    end = looks.person(place.text, first, place.limit, title=place.matched)
    return [(start, end, "name")] if end else _NOTHING


def _three_three_four(place: Place) -> Found:
    """NHS numbers are written with spaces; so are some telephone numbers, whose check digit seldom fits."""
    if not looks.alone(*place[:3]):
        return _NOTHING
    if place.matched[:1].isdigit() and place.matched[3:4] == b" " and checks.nhs(place.matched):
        return [(place.start, place.end, "nhs")]
    if place.matched[3:4] == b" " and not looks.american(place.matched):
        return _NOTHING
    return [(place.start, looks.extension(place.text, place.end, place.limit), "phone")]


def _phone(place: Place) -> Found:
    end = looks.phone_at(place.text, place.start, place.limit)
    before = place.text[max(0, place.start - 2) : place.start]
    if place.matched[:1] == b"0" and before[:1].isdigit() and before[1:] == b" ":
        return _NOTHING
    return [(place.start, end, "phone")] if end and looks.alone(place.text, place.start, end) else _NOTHING


def _iban(place: Place) -> Found:
    length = checks.iban(place.text[place.start : min(place.limit, place.start + 44)])
    end = place.start + length
    return [(place.start, end, "iban")] if length and not place.text[end : end + 1].isalnum() else _NOTHING


def _address(place: Place) -> Found:
    if not looks.street(place.matched):
        return _NOTHING
    return [(place.start, looks.rest_of_address(place.text, place.end, place.limit), "address")]


_HANDLERS: dict[str, Way] = {
    "done": (_done, 0), "hl7": (_segment, 0), "private_key": (_private_key, 0), "jwt": (_jwt, 0), "url_password": (_url_password, 0),
    "human": (_human, 6), "field": (_field, 4), "bearer": (_bearer, 1),
    "token": (_token, 0), "email": (_email, 0), "birth_date": (_birth_date, 1),
    "numbered": (_numbered, 1), "said": (_said, 1), "called": (_called, 1), "patient": (_patient, 8), "person": (_person, 4),
    "ssn": (_checked("ssn", checks.ssn), 99), "three_three_four": (_three_three_four, 99), "phone": (_phone, 99),
    "card": (_checked("card", looks.card), 99), "iban": (_iban, 99), "address": (_address, 999), "custom": (_whole("mrn"), 0),
}  # fmt: skip
"""Way of finding: who decides, and how many bytes before its end the search goes on where there was nothing."""
