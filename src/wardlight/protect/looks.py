"""Does a value look like one of a kind? Small questions about the bytes at a place, none of which reads far."""

from __future__ import annotations

import re
from collections.abc import Callable

from wardlight.protect import checks
from wardlight.protect.kinds import ACTIONS

Look = Callable[[bytes, bool, bool], int]
"""Of a field's value, whether it was in quotes and whether the field's name is vague, how many bytes are to go."""

DONE = rb"(?:pseudo:[a-z_]{2,12}:k\d{1,4}:[A-Z2-7]{16}|\[(?:" + "|".join(ACTIONS).encode() + rb")\])"
"""What stands where something has been replaced."""
_DONE = re.compile(DONE)
_DONE_BEGINS = (b"[", b"p")
_EMPTY_WORDS = frozenset(
    b"null none nil true false undefined unknown redacted n/a na empty missing yes no set unset optional required string 0".split()
)
_LONGEST_WORD = max(map(len, _EMPTY_WORDS))
_EMPTY_BEGINS = frozenset(b"*x.#-\xe2<$%{?")
_EMPTY_SIGNS = re.compile(
    rb"(?:[*x.#-]|\xe2\x80\xa2)*|<\w*>?|\$(?:\{\w*\}?|[A-Z_][A-Z0-9_]*|[a-z_]*)|%[sdv]|\{\w*\}?|\?"
)
_AWS = re.compile(rb"A[KS]IA[A-Z2-7]{16}")
_BEGINS_ALONE = re.compile(rb"(?<![A-Za-z0-9])(?<![A-Za-z0-9][-.+_])")
_ENDS_ALONE = re.compile(rb"(?![A-Za-z0-9]|[-._]\d)")
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_DIGIT = re.compile(rb"\d")
_LONE_WORD = re.compile(rb"[A-Za-z\x80-\xff][^\s,;]*")
_ENCODED_WORD = re.compile(rb"[^\s,;&]*")
_CAPITAL = rb"(?:[A-Z]|\xc3[\x80-\x9e]|\xc4[\x80-\xbf]|\xc5[\x80-\xbf]|\xce[\x91-\xa9]|\xd0[\x90-\xaf])"
_SMALL = rb"[A-Za-z'.\x80-\xff-]"
_PARTICLE = rb"(?:das|do|af|av|van|von|de|der|den|del|della|la|le|du|da|di|dos|zu|el|al|bin|ter)"
_NAME = re.compile(
    _CAPITAL
    + _SMALL
    + rb"{0,40}+(?:,? (?:"
    + _PARTICLE
    + rb" ){0,3}+"
    + _CAPITAL
    + _SMALL
    + rb"{0,40}+){0,4}+(?: "
    + _PARTICLE
    + rb"(?=[^ \w]|$))?+"
)
NAME_BEGUN = re.compile(rb"(?:(?<= )(?:Dr|Mrs?|Ms|Miss|Prof)\.? )?(?:(?<= )" + _PARTICLE + rb" ){0,3}[^ ]+$")
_FULL_NAME = re.compile(
    rb"(?:" + _PARTICLE + rb" ){0,3}+(?:(?:Dr|Mr|Mrs|Ms|Miss|Herr|Frau|Prof|Mme|M)\.? )?" + _NAME.pattern
)
_NOT_NAMES = frozenset(
    b"access account accounts active admin administrator admission admissions admitted agent alert an and api app appointment appointments are "  # noqa: E501 -- a list of words
    b"arrived at audit batch bed been billing billingservice bundle care chart check class client clinic code config consent context controller "  # noqa: E501 -- a list of words
    b"count create created dashboard data database default delete deleted demographics department device dialog did discharge discharged "
    b"does domain encounter endpoint engagement entity error event exception export facility failed file flow for form found fhir get "
    b"handler has have health history home hospital http id identifier identity in index info information insert intake internal invalid is "
    b"job json key lab laboratory list loaded lookup main manager mapper match merge merged message missing model module monitor monitoring name new no node not "  # noqa: E501 -- a list of words
    b"nurse object observation of on online order orders page pharmacy plan policy portal post primary process profile provider put query "
    b"queue read recall record records referral referrals registration registry report request resource response result results role room safety satisfaction schema "  # noqa: E501 -- a list of words
    b"search server service services session settings sql started status store summary support survey sync system table task team test the this "  # noqa: E501 -- a list of words
    b"timeout to transfer type unit unknown update updated upload user users uuid validation value view visit was ward web with worker year"
    .split()
)  # fmt: skip
_SURNAMES = frozenset(b"ward page post lab nurse bed day may case church house field key".split())
"""Words of hospitals that are also surnames."""
_NOT_GIVEN = frozenset(
    b"missing invalid required not is field value must and or error the updated changed new old no".split()
)
_NEVER_NAMES = _NOT_NAMES - _SURNAMES
_GIVEN = re.compile(
    rb"(?:" + _PARTICLE + rb" )*+(?:" + _CAPITAL + _SMALL + rb"*+(?: " + _PARTICLE + rb"\b)*+[ ,\"'\\\\\n]*+)++"
)
_WORDS = re.compile(rb",? ?([^\s,]+)")
_BARE_WORDS = re.compile(rb"[^\s,\"'\\]+")
_SUFFIXES = frozenset((b"III", b"DDS", b"DVM", b"PHD", b"MBA", b"OBE", b"CBE", b"MBE"))
HONORIFICS = (b"mr", b"mrs", b"ms", b"miss", b"mx", b"dr", b"prof", b"herr", b"frau", b"mme", b"sr", b"sra", b"sig")
_DAY = rb"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]{1,2}\d{1,2}[-/. ]{1,2}(?:\d{4}|\d{2})\b|\d{8}\b)"
_MONTH = (
    rb"(?i:jan|feb|f\xc3\xa9v|mar|m\xc3\xa4r|apr|avr|ma[iy]|jun|jui|jul|aug|ao[u\xc3]|sep|o[ck]t|nov|de[cz]|d\xc3\xa9c|ene|abr|ago|dic|gen|mag|giu|lug|set|ott)"
    rb"[a-z\x80-\xff]{0,8}+\.?"
)
_DATE = (
    rb"(?:" + _DAY + rb"|\d{1,2}(?:st|nd|rd|th|er|\.)? (?:of |de )?" + _MONTH + rb",?(?: de| del)? \d{4}|" + _MONTH
    + rb" \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{1,2}-" + _MONTH + rb"-\d{2,4})"
)  # fmt: skip
DATE = re.compile(_DATE + rb"(?:[T ][\d:.+Z-]{1,24})?")
DATE_AFTER = re.compile(
    rb"(?:[ \t.,:;=(\"'*>|/\\-]|\b(?:on|the|am|le|el|il|is|was|in|of|at|den|dem|a|to|as|birth|given|recorded|changed|from)\b){0,8}+("
    + _DATE
    + rb")"
)
"""A date behind a word of birth, with a few small words between."""

_FILLER = (
    rb"(?:[ \t.,:;=#\"'>*/\\-]|\((?!\+?\d)|\b(?i:number|numbers?|no|nr|nummer|is|was|ist|at|on|to|for|of|the|patient|him|her|them|back|under|unter|auf|us|"  # noqa: E501 -- a list of words
    rb"card|credit|with|value|a|an|au|al|es|est|security|record|ending|sent|via|received|from|by|and|please|me|id|identifier|account|new|now|home|work|his|my)\b){0,12}+"
)
PHONE_AFTER = re.compile(_FILLER + rb"((?:\+|\(\+?|\b)\d[\d ()./-]{5,20}\d(?: ?(?:x|ext\.?) ?\d{1,6})?)(?![\w-])")
FIGURE_AFTER = re.compile(_FILLER + rb"[+(]{0,2}\d")
_NUMBER_FORMS = {
    "ssn": rb"(\d{3}[ -]?\d{2}[ -]?\d{4})\b",
    "nhs": rb"(\d{3}[ -]?\d{3}[ -]?\d{4})\b",
    "card": rb"(\d(?:[ -]?\d){11,18})\b",
    "iban": rb"([A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,9})\b",
    "mrn": rb"([A-Za-z]{0,5}[-:]?\d[\dA-Za-z-]{2,20})(?![\w-])",
}
NUMBER_AFTER = {kind: re.compile(_FILLER + form) for kind, form in _NUMBER_FORMS.items()}
"""A number behind its name, with a few small words between."""

SECRET_AFTER = re.compile(
    rb"(?: |\b(?:is|was|ist|set|to|for|value|with|of)\b){0,5}+[:=]?(?:[\"'`]([^\"'`\s\x00]{4,128}+)[\"'`]|([^\s\"'`,;<>\x00]{6,128}+))"
)
_RECORD_NUMBER = re.compile(rb"[A-Za-z0-9._:/-]{3,64}")
PATIENT_NUMBER = re.compile(rb"(?:/| ?#| )([A-Za-z]{0,8}-?\d[A-Za-z0-9-]{0,48}+)(?![.:/]\d)")
DISPLAY = re.compile(
    rb"\\{0,3}\"(?:,\s*\\{0,3}\"type\\{0,3}\"\s*:\s*\\{0,3}\"Patient\\{0,3}\")?,\s*\\{0,3}\"display\\{0,3}\"\s*:\s*\\{0,3}\"([^\"\\\x00]{2,120}+)"
)
"""A name behind a reference to a patient (FHIR R4, Reference.display)."""
_HEADER_END = re.compile(rb"[\r\n\"'\x00]|\\[rn\"]")
_COOKIE_END = re.compile(rb"[\s;,&\"'\x00]")
_SCHEMES = frozenset((b"bearer", b"basic", b"digest", b"token", b"apikey"))
SCHEME = re.compile(rb"(?i:bearer|basic|digest|token|apikey)[ +]{1,2}(?=[^\s\x00])")
_PHONE_AT = re.compile(rb"(?:\+\d{1,3}|\(?0\d{0,5}\)?)(?:[ ()./-]{0,2}\d{1,8}){1,6}+")
_EXTENSION = re.compile(rb" ?(?:x|ext\.?) ?\d{1,6}\b")
_NO_PHONE = re.compile(rb"\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{4}|\d{1,3}(?:\.\d{1,3}){3}$")
_PHONE_VALUE = re.compile(rb"(?:tel:)?[+(]?\d[\d ()./-]{4,24}\d(?: ?(?:x|ext\.?) ?\d{1,6})?")
_CUT = {b"1": 11, b"44": 12, b"49": 13, b"33": 11, b"34": 11, b"39": 12, b"31": 11, b"41": 11, b"43": 13}
_ADDRESS_REST = re.compile(
    rb"(?:[,.]? (?:Apt|Apartment|Suite|Unit|Ste|Flat|#)\.? ?\w{1,6})?(?:(?:[,\n]|\\n| ){1,2}[A-Z][A-Za-z'.-]{1,30}(?: [A-Z][A-Za-z'.-]{1,30}){0,3},? "  # noqa: E501 -- a list of words
    rb"(?:[A-Z]{2} \d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b|, \d{4,5} " + _CAPITAL + _SMALL + rb"{1,30}+)?"
)
_VAGUE_ADDRESS = re.compile(rb"\d.* |[ ].*\d|^\d{5}")
_MACHINE = re.compile(rb"[\w.:/-]*(?:\d{1,3}\.){3}\d|0x|https?:|/|[\w.-]+:\d+$|[0-9a-f]*:[0-9a-f:]+$")
_VAGUE_STREETS = re.compile(
    rb"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Drive|Court|Terrace|Crescent|Square|Highway|Parkway|stra\xc3\x9fe|strasse)$"
)
_NOT_STREETS = frozenset(
    b"access bad internal not ok server test error new free total request response patient patients user users active failed service api health data "  # noqa: E501 -- a list of words
    b"max min unauthorized forbidden found no entry entries record records page memory disk".split()
)  # fmt: skip


def done(value: bytes) -> bool:
    """Whether a value has been replaced already."""
    return value.lstrip()[:1] in _DONE_BEGINS and _DONE.fullmatch(value.strip()) is not None


def done_at(text: bytes, at: int) -> int:
    """Where a replacement that begins here ends; 0 if there is none."""
    found = _DONE.match(text, at) if text[at : at + 1] in _DONE_BEGINS else None
    return found.end() if found else 0


def empty(value: bytes) -> bool:
    """Whether a value says nothing, or has been replaced already."""
    return (
        not value
        or (len(value) <= _LONGEST_WORD and value.lower() in _EMPTY_WORDS)
        or (value[0] in _EMPTY_BEGINS and _EMPTY_SIGNS.fullmatch(value) is not None)
        or done(value)
    )


def alone(text: bytes, start: int, end: int) -> bool:
    """Whether figures aren't part of a longer number, an address or a version."""
    return _BEGINS_ALONE.match(text, start) is not None and _ENDS_ALONE.match(text, end) is not None


def like_secret(value: bytes) -> bool:
    """Letters and figures mixed, or long: not a word."""
    return (
        len(value) >= 8
        and not empty(value)
        and (any(48 <= byte <= 57 for byte in value) or len(value) >= 24 or _AWS.fullmatch(value) is not None)
    )


def like_password(value: bytes) -> bool:
    """Not a word or a number of a sentence."""
    bare = value.rstrip(b".!?:,")
    return not empty(bare) and len(bare) >= 6 and not bare.isdigit() and not bare.replace(b"-", b"").isalpha() and any(
        48 <= byte <= 57 for byte in bare
    )  # fmt: skip


def card(value: bytes) -> bool:
    """Begins and is as long as a payment card, and its check digit fits."""
    figures = checks.digits(value)
    length = len(figures)
    if length == 12:
        fits = figures.startswith((b"50", b"56", b"57", b"58", b"63", b"67"))
    elif length < 15:
        fits = (length == 14 and figures.startswith((b"30", b"36", b"38", b"39"))) or (
            length == 13 and figures[:1] == b"4"
        )
    elif length == 15:
        fits = figures.startswith((b"34", b"37", b"2131", b"1800"))
    else:
        fits = figures[:1] in b"456" or figures.startswith((b"35", b"30", b"36", b"38", b"2"))
    return fits and checks.luhn(figures)


def phone(value: bytes) -> bool:
    """As many figures as a telephone number has, and not a date."""
    count = len(checks.digits(value))
    return 7 <= count <= 15 and not _NO_PHONE.match(value)


def american(value: bytes) -> bool:
    """Area and exchange of the North American plan begin with 2 to 9."""
    figures = checks.digits(value)[-10:]
    return figures[0] in b"23456789" and figures[3] in b"23456789"


def phone_at(text: bytes, at: int, limit: int) -> int:
    """Where an international or a trunk-prefixed number that begins here ends; 0 if it is none."""
    if text[max(0, at - 1) : at].isalnum() or (
        text[max(0, at - 1) : at] in {b"+", b"/", b"="}
        and text[at : at + 1] == b"+"
        and text[max(0, at - 1) : at] != b"="
    ):
        return 0
    found = _PHONE_AT.match(text, at, min(limit, at + 32))
    if not found:
        return 0
    value = found[0]
    longest = 12
    if value[:1] == b"+":
        longest = next((_CUT[code] for size in (1, 2) if (code := checks.digits(value[:4])[:size]) in _CUT), 13)
        longest += b"(0)" in value
    while len(checks.digits(value)) > longest:
        shorter = value[:-1].rstrip(b"0123456789").rstrip(b" ()./-")
        if len(shorter) < 8:
            return 0
        value = shorter
    return extension(text, at + len(value), limit) if len(checks.digits(value)) >= 9 else 0


def extension(text: bytes, at: int, limit: int) -> int:
    """Where an extension ends that follows a telephone number."""
    found = _EXTENSION.match(text, at, limit)
    return found.end() if found else at


def many_digits(value: bytes) -> bool:
    """Four figures or more: a number of somebody, not a count."""
    return len(checks.digits(value)) >= 4


def person(text: bytes, at: int, limit: int, *, polite: bool, small: bool) -> int:
    """Where the name of a person ends that follows a title, a polite one or one written small; 0 if what follows is none."""
    found = _NAME.match(text, at, min(limit, at + 120))
    if not found:
        return 0
    words: list[bytes] = []
    end = at
    for word in _WORDS.finditer(found[0]):
        if (
            word[1].rstrip(b".").lower() in (_NEVER_NAMES if words or polite else _NOT_NAMES)
            or (words and word[0][:1] == b"," and len(words) > 2)
            or (
                words and len(word[1]) > 2 and word[1].isupper() and not words[0].isupper() and word[1] not in _SUFFIXES
            )
        ):
            break
        words.append(word[1])
        end = at + word.end()
        if word[1].endswith(b".") and len(word[1]) > 3:
            break
    lone = len(words) == 1 and (polite or (small and not words[0].isupper()))
    if not (len(words) >= 2 or lone) or (len(words[0]) < 2 and len(words) < 2):
        return 0
    while text[end - 1 : end] in {b".", b"-", b"'"}:
        end -= 1
    return end if text[end : end + 1] not in {b"=", b"("} and end - at > 1 else 0


def street(value: bytes) -> bool:
    """Not a count of something that is called as streets are."""
    if not value[:1].isdigit():
        return True
    number, *words = value.split(b" ")
    if any(word.lower() in _NOT_STREETS for word in words):
        return False
    return (
        _VAGUE_STREETS.search(value) is not None
        or len(number) >= 3
        or (value[-1:].islower() and b"rue " in value.lower())
    )


def rest_of_address(text: bytes, at: int, limit: int) -> int:
    """Where an address ends whose street ends here: with flat, town and code."""
    found = _ADDRESS_REST.match(text, at, min(limit, at + 140))
    return found.end() if found else at


def cookie(text: bytes, at: int, limit: int, *, whole: bool, quoted: bool) -> int:
    """Length of a cookie header, or of one session's identifier."""
    found = (_HEADER_END if whole or quoted else _COOKIE_END).search(text, at, limit)
    return (found.start() if found else limit) - at


def _name(value: bytes, quoted: bool, vague: bool) -> int:
    if quoted and not vague:
        return 0 if empty(value) or not _LETTER.search(value) or value[:1] in b"{[" else len(value)
    found = _FULL_NAME.match(value)
    if not found:
        single = _LONE_WORD.match(value)
        return (
            len(single[0])
            if single and not vague and not empty(single[0]) and single[0].lower() not in _NOT_NAMES
            else 0
        )
    if vague and quoted and found.end() != len(value):
        return 0
    if value[found.end() : found.end() + 1] in {b"%", b"+"}:
        return _ENCODED_WORD.match(value).end()  # type: ignore[union-attr]  # it always matches
    words = found[0].lower().replace(b",", b"").split()
    good = (
        words[0] not in (_NOT_NAMES if vague else _NOT_GIVEN)
        and not (vague and any(word in _NEVER_NAMES for word in words))
        and (len(words) > 1 or not vague)
    )
    return len(found[0].rstrip(b".-, ")) if good and not empty(found[0]) else 0


def _given(value: bytes, quoted: bool, _vague: bool) -> int:
    """Names or parts of one, for fields that may also hold something else."""
    found = _GIVEN.match(value) if quoted else _FULL_NAME.match(value)
    words = _BARE_WORDS.findall(found[0].lower()) if found else []
    if (
        not found
        or (quoted and found.end() != len(value))
        or not words
        or words[0] in _NOT_NAMES
        or any(word in _NEVER_NAMES for word in words)
    ):
        return 0
    return len(found[0].rstrip(b".-, ")) if not empty(value) else 0


def _look(check: Callable[[bytes], bool]) -> Look:
    """Make a question about the whole value of one about its bytes."""
    return lambda value, _quoted, _vague: len(value) if not empty(value) and check(value) else 0


def _date(value: bytes, _quoted: bool, _vague: bool) -> int:
    found = DATE.match(value)
    return len(found[0].rstrip()) if found and checks.birth_date(found[0]) else 0


def _phone_value(value: bytes, quoted: bool, _vague: bool) -> int:
    found = _PHONE_VALUE.match(value)
    if not found or not phone(found[0]):
        return 0
    return len(value) if quoted and len(value) < 60 else len(found[0])


def _address_value(value: bytes, quoted: bool, vague: bool) -> int:
    has_digit, has_letter = _DIGIT.search(value), _LETTER.search(value)
    if (
        empty(value)
        or (not has_letter and (vague or len(value) not in range(4, 11)))
        or (not has_digit and (vague or not quoted))
    ):
        return 0
    if vague and not _VAGUE_ADDRESS.search(value):
        return 0
    return 0 if _MACHINE.match(value) else len(value)


def _secret(value: bytes, quoted: bool, _vague: bool) -> int:
    if empty(value) or value[:2] in {b"${", b"{{"} or (value.startswith((b"pseudo:", b"[")) and done(value)):
        return 0
    return len(value) if quoted or len(value) >= 3 else 0


def _token_value(value: bytes, _quoted: bool, _vague: bool) -> int:
    if value.lower() in _SCHEMES:
        return len(value)
    return len(value) if len(value) >= 6 and not empty(value) and (len(value) >= 20 or not value.isdigit()) else 0


LOOKS: dict[str, Look] = {
    "name": _name,
    "given": _given,
    "birth_date": _date,
    "address": _address_value,
    "phone": _phone_value,
    "email": _look(lambda value: b"@" in value or b"%40" in value),
    "ssn": _look(lambda value: len(checks.digits(value)) == 9 and len(value) < 14),
    "nhs": _look(lambda value: len(checks.digits(value)) == 10 and len(value) < 16),
    "mrn": _look(lambda value: _RECORD_NUMBER.fullmatch(value) is not None and _DIGIT.search(value) is not None),
    "card": _look(lambda value: 12 <= len(checks.digits(value)) <= 19 and len(value) < 30),
    "iban": _look(lambda value: 15 <= len(value) <= 44 and value[:2].isalpha()),
    "password": _secret,
    "token": _token_value,
    "cookie": _secret,
}
"""Kind: its look at the value of a field."""

NUMBER: dict[str, Callable[[bytes], bool]] = {
    "ssn": checks.ssn,
    "nhs": lambda value: len(checks.digits(value)) == 10,
    "card": checks.luhn,
    "iban": lambda value: checks.iban(value) > 0,
    "mrn": lambda value: len(checks.digits(value)) >= 3,
}
"""Kind: whether a number behind its name in a sentence is one."""
