"""What is in a text: where each identifier and secret begins and ends, and of which kind it is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import re2

from wardlight.protect import checks, hl7, looks
from wardlight.protect.extent import Written, value_at, written
from wardlight.protect.kinds import FIELDS, SECRETS, VAGUE
from wardlight.protect.patterns import NAMES, alternation

Finding = tuple[int, int, str]
"""Bytes from one place to another, and of which kind they are."""

Found = list[Finding]
Handler = Callable[[bytes, int, int, int, int], Found]
"""Decides about a place: the text, where the match begins and ends, where what was found before it ends, and where the
value ends that it stands in."""

_REMEMBERED = 50_000
_FIGURES = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
_SAME = bytes(range(256))
"""Matches that differ only in figures after the first are of one pattern, unless it's the administrator's."""

Way = tuple[Handler, int, bool]
_ANYWHERE = re2._re2.RE2.Anchor.UNANCHORED  # noqa: SLF001

_NOTHING: Found = []
_NOT_YET: Found = []
"""Nothing, but there may be something once what stands around is replaced."""
_SQUEEZE = re.compile(rb"[_. -]")
_VAGUE = {_SQUEEZE.sub(b"", name.encode()) for name in VAGUE}
_LONE = {b"given", b"family", b"patient"}
"""Fields that hold a part of a name, or something else."""
_KINDS = {_SQUEEZE.sub(b"", name.lower().encode()): kind for kind, names in FIELDS.items() for name in names}
_SEPARATOR = re.compile(
    rb"(?:\\{0,3}[\"']\]?[ \t]*|[ \t]*|\))(?:=>|:=|==|[:=]\(?|>| value=|[ \t](?i:i?like)[ \t])[ \t]*"
)
_SHORTEST = 6
"""Bytes of the shortest thing that can be found, as in `a@b.de`."""
_SOMETHING = re.compile(rb"[^|^~&\x00]{6}")
_ONE_BY_ONE = {"mrn", "ssn", "nhs", "birth_date", "card", "iban", "phone", "email"}
"""Kinds of which a list is looked at value by value; others go as a whole."""
_BRACE = ord("{")
_ITEM = re.compile(rb"[^\s,\"'\\]+(?: [^\s,\"'\\]+)*")
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
        self._figures = _SAME if own else _FIGURES
        self._grouped = grouped
        self.own = bool(own)
        self._ways: dict[bytes | tuple[int, bytes], Way] = {}

    def find(self, text: bytes) -> list[Finding]:
        """Return what is in a text, in its order and without overlaps; a zero byte ends a value."""
        return self.search(text)[0]

    def search(self, text: bytes) -> tuple[list[Finding], list[int]]:
        """Return what `find` does, and where else there may be something once that is removed.

        These are places that were turned down for what stands around them, and those behind which something was passed
        over.
        """
        found: Found = []
        doubts: list[int] = []
        at = floor = 0
        limit = -1
        whole = len(text)
        match, ways = self._match, self._ways
        while True:
            start, end = match(_ANYWHERE, text, at, whole)[0]
            if start < 0:
                return found, doubts
            if limit < start:
                limit = text.find(b"\0", start)
                limit = whole if limit < 0 else limit
            matched = text[start:end]
            handler, again, passes = ways.get(matched) or self._way_of(matched)
            here = handler(text, start, end, floor, limit)
            if here:
                found += here
                at = floor = here[-1][1]
                if passes and _passed_over(text, end, here):
                    doubts.append(start)
            elif handler is _done:
                at = floor = end
            else:
                if here is _NOT_YET:
                    doubts.append(start)
                at = max(start + 1, end - again)

    def _way_of(self, matched: bytes) -> Way:
        """Say which pattern matched, and remember it for what differs from it in figures only."""
        shape = (matched[0], matched.translate(self._figures))
        if not (way := self._ways.get(shape)):
            if len(self._ways) >= _REMEMBERED:
                self._ways.clear()
            way = self._ways[shape] = self._decided(matched)
        if shape[1][:-1] == matched[:-1]:
            self._ways[matched] = way
        return way

    def _decided(self, matched: bytes) -> Way:
        """Match anew with groups; they would tell at once, but cost several times the search."""
        found = self._grouped.fullmatch(matched)
        name = NAMES[found.lastindex] if found else "done"
        handler_for, again = _WAYS[name]
        return handler_for(matched), again, name in _PASSING


def _nothing(_text: bytes, _start: int, _end: int, _floor: int, _limit: int) -> Found:
    return _NOTHING


def _done(_text: bytes, _start: int, _end: int, _floor: int, _limit: int) -> Found:
    """A pseudonym, which nothing reaches into that stands behind it."""
    return _NOTHING


def _custom(_text: bytes, start: int, end: int, _floor: int, _limit: int) -> Found:
    return [(start, end, "mrn")]


def _checked(kind: str, check: Callable[[bytes], bool]) -> Handler:
    """Return a handler for figures that stand alone and pass a check."""

    def handler(text: bytes, start: int, end: int, _floor: int, _limit: int) -> Found:
        return [(start, end, kind)] if looks.alone(text, start, end) and check(text[start:end]) else _NOT_YET

    return handler


def _segment(text: bytes, _start: int, end: int, _floor: int, limit: int) -> Found:
    return hl7.segment(text, end - 4, limit)


def _private_key(text: bytes, start: int, end: int, _floor: int, limit: int) -> Found:
    """To the end of the key; of one that is cut off, to the end of the text."""
    end = text.find(b"-----END ", end, limit)
    if end >= 0:
        end = text.find(b"-----", end + 9, limit)
    return [(start, limit if end < 0 else end + 5, "private_key")]


def _jwt(text: bytes, start: int, _end: int, _floor: int, limit: int) -> Found:
    found = _JWT.match(text, start, limit)
    return [(start, found.end(), "jwt")] if found else _NOTHING


def _url_password(text: bytes, _start: int, end: int, _floor: int, limit: int) -> Found:
    found = _PASSWORD_IN_URL.match(text, end, limit)
    if not found or looks.done(found[0][:-1]):
        return _NOT_YET
    return [(end, found.end() - 1, "password")]


class _Named(NamedTuple):
    """What the name of a field and the signs behind it say about the value."""

    kind: str
    size: int
    """Bytes before the value."""
    written: Written | None
    """How the value is written, if the match reaches so far."""
    look: looks.Look
    vague: bool
    capital: bool
    """It begins with one, so that it may stand right behind a small letter."""
    tag: bool
    """It is the name of an element of XML."""
    colon: bool
    """What stands between is a colon, as there is in sentences."""
    whole: bool
    """The value is a header of cookies, not one of them."""


def _named(matched: bytes) -> _Named | None:
    separator = _SEPARATOR.search(matched)
    if separator is None:
        return None
    key, size, signs = matched[: separator.start()], separator.end(), separator[0]
    squeezed = _SQUEEZE.sub(b"", key.decode().lower().encode())
    kind = _KINDS.get(squeezed, "")
    if kind in {"password", "token"} and signs.endswith(b"(") and not signs.startswith(b")"):
        size -= 1  # the bracket is of the value
    look = looks.LOOKS.get("given" if squeezed in _LONE else kind)
    how = written(matched[:size], matched[size:], kind) if size < len(matched) else None
    return look and _Named(
        kind, size, how, look, squeezed in _VAGUE, key[:1].isupper(), signs == b">", signs.strip() == b":", b"cookie" in squeezed
    )  # fmt: skip


def _field(matched: bytes) -> Handler:
    """Return the handler for a field with a telling name: its value, if that looks like one of the kind."""
    named = _named(matched)
    if named is None:
        return _nothing
    kind, size, how, look, vague, capital, tag, colon, whole = named
    secret = kind in SECRETS

    def handler(text: bytes, start: int, _end: int, _floor: int, limit: int) -> Found:
        before = text[start - 1 : start]
        # A name begins at a word: not `fhirBundle_hotel=`, but `patientEmail=` and `user_email=`.
        if (before.isalpha() and not (capital and not before.isupper())) or (tag and before not in {b"<", b":"}):
            return _NOTHING
        at = start + size
        extent, quoted = how or written(text[at - 2 : at], text[at : at + 4], kind)
        start, end = extent(text, at, limit)
        length = look(text[start:end], quoted, vague)
        if length < end - start and kind in _ONE_BY_ONE and text[at : at + 1] == b"[" and text[start] != _BRACE:
            items = ((item.start(), look(item[0], True, vague)) for item in _ITEM.finditer(text, start, end))
            return [(start, start + length, kind) for start, length in items if length] or _NOT_YET
        if not length:
            return _NOTHING if start == end else _NOT_YET
        if not secret:
            return [(start, start + length, kind)]
        if kind == "password" and colon and not quoted and text[start:end].isalpha():
            return _NOT_YET
        if kind == "cookie" and text[at : at + 1] != b"[":
            length = looks.cookie(text, start, limit, whole=whole, quoted=quoted)
            if looks.done(text[start : start + length]):
                return _NOT_YET
        elif scheme := looks.SCHEME.match(text, start, limit):
            start = scheme.end()
            length = _word_at(text, start, limit) - start
        found = _token_kind(text[start : start + length]) if kind == "token" else kind
        return [(start, start + length, found)] if length > 0 else _NOT_YET

    return handler


def _in_one_piece(matched: bytes) -> tuple[str, int]:
    """Kind of FHIR's names and addresses, and bytes before the value."""
    return "name" if matched[:1] in b"nN" else "address", len(matched[:-1].rstrip(b'\\"'))


def _human(told: tuple[str, int], text: bytes, start: int, _end: int, _floor: int, limit: int) -> Found:
    """A name or an address of FHIR that is written in one piece."""
    kind, size = told
    start, end, quoted = value_at(text, start + size, limit, kind)
    return [(start, end, kind)] if quoted and not looks.empty(text[start:end]) else _NOT_YET


def _word_at(text: bytes, at: int, limit: int) -> int:
    found = _WORD.match(text, at, limit)
    return found.end() if found else at


def _is_basic(matched: bytes) -> bool:
    return matched[:2].lower() == b"ba"


def _bearer(basic: bool, text: bytes, _start: int, end: int, _floor: int, limit: int) -> Found:
    start, end = end - 1, _word_at(text, end - 1, limit)
    word = text[start:end]
    if basic:
        try:
            good = b":" in base64.b64decode(word, validate=True)
        except binascii.Error:
            good = False
    else:
        good = looks.like_secret(word)
    return [(start, end, _token_kind(word))] if good else _NOT_YET


def _token_kind(word: bytes) -> str:
    return "jwt" if _JWT.match(word) else "token"


def _token(text: bytes, start: int, end: int, _floor: int, limit: int) -> Found:
    end = _word_at(text, end - 1, limit)
    return [(start, end, "token")] if end - start >= 18 and looks.like_secret(text[start:end]) else _NOT_YET


def _email(text: bytes, start: int, _end: int, floor: int, limit: int) -> Found:
    domain = _DOMAIN.match(text, start, limit)
    if start == floor:
        return _NOTHING
    if not domain:
        return _NOT_YET
    before = text[max(floor, start - 64) : start]
    local = before[len(before.rstrip(_LOCAL)) :]
    rest = before[: len(before) - len(local)]
    if rest[-1:] == b"'" and rest[-2:-1].isalpha():
        local = rest[len(rest[:-1].rstrip(_LOCAL)) :] + local
    local = local.lstrip(b".-%+")
    return [(start - len(local), domain.end(), "email")] if local and not local.endswith(b".") else _NOT_YET


def _bytes_behind(matched: bytes) -> int:
    """Bytes of a match that follow its word: one letter or sign, or two if the first is one of ` =:`."""
    letters = matched.decode()
    return len(letters[-2 if letters[-2] in " =:" else -1 :].encode())


def _birth_date(behind: int, text: bytes, _start: int, end: int, _floor: int, limit: int) -> Found:
    found = looks.DATE_AFTER.match(text, end - behind, limit)
    return [(*found.span(1), "birth_date")] if found and checks.birth_date(found[1]) else _NOT_YET


def _kind_of_number(matched: bytes) -> str:
    kinds = {b"ssn": "ssn", b"soc": "ssn", b"nhs": "nhs", b"cre": "card", b"car": "card", b"iba": "iban"}
    return kinds.get(matched[:3].lower(), "mrn")


def _numbered(kind: str, text: bytes, _start: int, end: int, _floor: int, limit: int) -> Found:
    """A number behind the word that says what it is."""
    found = looks.NUMBER_AFTER[kind].match(text, end - 1, limit)
    return [(*found.span(1), kind)] if found and looks.NUMBER[kind](found[1]) else _NOT_YET


def _kind_of_secret(matched: bytes) -> str:
    return "password" if matched[:1].lower() in b"pi" else "token"


def _said(kind: str, text: bytes, start: int, end: int, _floor: int, limit: int) -> Found:
    """A password or a token in a sentence, or behind an option of a command."""
    found = looks.SECRET_AFTER.match(text, end - 1, limit)
    if not found:
        return _NOT_YET
    group = 1 if found[1] is not None else 2
    if looks.done_at(text, found.start(group)):
        return _NOTHING
    dashed = text[start - 2 : start] == b"--"
    good = not looks.empty(found[group]) and (group == 1 or dashed or looks.like_password(found[group]))
    return [(*found.span(group), "jwt" if _JWT.match(found[group]) else kind)] if good else _NOT_YET


def _called(behind: int, text: bytes, _start: int, end: int, _floor: int, limit: int) -> Found:
    found = looks.PHONE_AFTER.match(text, end - behind, limit)
    if not found and not looks.FIGURE_AFTER.match(text, end - behind, limit):
        return _NOTHING
    return [(*found.span(1), "phone")] if found and looks.phone(found[1]) else _NOT_YET


def _is_path(matched: bytes) -> bool:
    return matched[7:9].lstrip(b"sS")[:1] == b"/"


def _patient(path: bool, text: bytes, start: int, end: int, _floor: int, limit: int) -> Found:
    found = looks.PATIENT_NUMBER.search(text, start, min(limit, end + 64))
    if not found or not (path or looks.many_digits(found[1])):
        return _NOT_YET
    number = (*found.span(1), "mrn")
    shown = looks.DISPLAY.match(text, found.end(), limit)
    return [number, (*shown.span(1), "name")] if shown and not looks.empty(shown[1]) else [number]


class _Title(NamedTuple):
    """What a title says about the name behind it, and how many bytes of a match are the name, with and without its own."""

    polite: bool
    small: bool
    whole: int
    first: int


def _title(matched: bytes) -> _Title:
    whole = looks.NAME_BEGUN.search(matched)[0]  # type: ignore[index]  # the pattern found it
    first = matched.rpartition(b" ")[2]
    return _Title(matched.lower().startswith(looks.HONORIFICS), matched[:1].islower(), len(whole), len(first))


def _person(title: _Title, text: bytes, _start: int, end: int, _floor: int, limit: int) -> Found:
    start = end - title.whole
    end = looks.person(text, end - title.first, limit, polite=title.polite, small=title.small)
    return [(start, end, "name")] if end else _NOT_YET


def _three_three_four(text: bytes, start: int, end: int, _floor: int, limit: int) -> Found:
    """NHS numbers are written with spaces; so are some telephone numbers, whose check digit seldom fits."""
    if not looks.alone(text, start, end):
        return _NOT_YET
    matched = text[start:end]
    if matched[3:4] == b" ":
        if matched[:1].isdigit() and checks.nhs(matched):
            return [(start, end, "nhs")]
        if not looks.american(matched):
            return _NOT_YET
    return [(start, looks.extension(text, end, limit), "phone")]


def _phone(text: bytes, start: int, _end: int, _floor: int, limit: int) -> Found:
    before = text[max(0, start - 2) : start]
    if text[start : start + 1] == b"0" and before[:1].isdigit() and before[1:] == b" ":
        return _NOT_YET
    end = looks.phone_at(text, start, limit)
    return [(start, end, "phone")] if end and looks.alone(text, start, end) else _NOT_YET


def _iban(text: bytes, start: int, _end: int, _floor: int, limit: int) -> Found:
    length = checks.iban(text[start : min(limit, start + 44)])
    end = start + length
    return [(start, end, "iban")] if length and not text[end : end + 1].isalnum() else _NOT_YET


def _address(text: bytes, start: int, end: int, _floor: int, limit: int) -> Found:
    if not looks.street(text[start:end]):
        return _NOT_YET
    return [(start, looks.rest_of_address(text, end, limit), "address")]


def _passed_over(text: bytes, end: int, found: Found) -> bool:
    """Whether behind a match and between what was found there is anything long enough to be something."""
    ends = (end, *(end for _, end, _ in found))
    gaps = ((before, start) for before, (start, _, _) in zip(ends, found, strict=False) if start - before >= _SHORTEST)
    return any(_SOMETHING.search(text, *gap) for gap in gaps)


def _plain(handler: Handler) -> Callable[[bytes], Handler]:
    return lambda _matched: handler


def _told(handler: Callable[..., Found], tell: Callable[[bytes], Any]) -> Callable[[bytes], Handler]:
    """What the matched bytes alone tell is worked out once, and given to who decides."""
    return lambda matched: partial(handler, tell(matched))


_WAYS: dict[str, tuple[Callable[[bytes], Handler], int]] = {
    "done": (_plain(_done), 0), "hl7": (_plain(_segment), 0), "private_key": (_plain(_private_key), 0), "jwt": (_plain(_jwt), 0),
    "url_password": (_plain(_url_password), 0), "human": (_told(_human, _in_one_piece), 6), "field": (_field, 4),
    "bearer": (_told(_bearer, _is_basic), 1), "token": (_plain(_token), 0), "email": (_plain(_email), 0),
    "birth_date": (_told(_birth_date, _bytes_behind), 2), "numbered": (_told(_numbered, _kind_of_number), 1),
    "said": (_told(_said, _kind_of_secret), 1), "called": (_told(_called, _bytes_behind), 2), "patient": (_told(_patient, _is_path), 8),
    "person": (_told(_person, _title), 4), "ssn": (_plain(_checked("ssn", checks.ssn)), 99),
    "three_three_four": (_plain(_three_three_four), 99), "phone": (_plain(_phone), 99), "card": (_plain(_checked("card", looks.card)), 99),
    "iban": (_plain(_iban), 99), "address": (_plain(_address), 999), "custom": (_plain(_custom), 0),
}  # fmt: skip
"""Way of finding: who decides about a match of it, and how many bytes before its end the search goes on where there was
nothing."""
_PASSING = {"hl7", "patient"}
"""Ways of finding that pass over something between the match and what they find, or between two things."""
