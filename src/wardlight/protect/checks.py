"""Is it one? Check digits, ranges and dates, on the bytes as they stand in a line."""

from __future__ import annotations

import re
from calendar import monthrange

_NOT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_YEARS = range(1875, 2101)
_VALUES = {ord(figure): str(int(figure, 36)) for figure in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

IBAN_LENGTHS = {
    b"AD": 24, b"AE": 23, b"AL": 28, b"AT": 20, b"AZ": 28, b"BA": 20, b"BE": 16, b"BG": 22, b"BH": 22, b"BR": 29, b"BY": 28,
    b"CH": 21, b"CR": 22, b"CY": 28, b"CZ": 24, b"DE": 22, b"DK": 18, b"DO": 28, b"EE": 20, b"EG": 29, b"ES": 24, b"FI": 18,
    b"FO": 18, b"FR": 27, b"GB": 22, b"GE": 22, b"GI": 23, b"GL": 18, b"GR": 27, b"GT": 28, b"HR": 21, b"HU": 28, b"IE": 22,
    b"IL": 23, b"IS": 26, b"IT": 27, b"JO": 30, b"KW": 30, b"KZ": 20, b"LB": 28, b"LI": 21, b"LT": 20, b"LU": 20, b"LV": 21,
    b"MC": 27, b"MD": 24, b"ME": 22, b"MK": 19, b"MR": 27, b"MT": 31, b"MU": 30, b"NL": 18, b"NO": 15, b"PK": 24, b"PL": 28,
    b"PS": 29, b"PT": 25, b"QA": 29, b"RO": 24, b"RS": 22, b"SA": 24, b"SE": 24, b"SI": 19, b"SK": 24, b"SM": 27, b"TN": 24,
    b"TR": 26, b"UA": 29, b"VG": 24, b"XK": 20,
}  # fmt: skip
"""Country: characters of an IBAN without spaces (ISO 13616's registry)."""


def digits(text: bytes) -> bytes:
    """Only the digits of a text."""
    return text.translate(None, _NOT_DIGITS)


def luhn(text: bytes) -> bool:
    """Check digit of payment cards (ISO/IEC 7812): 12 to 19 digits, not all the same."""
    figures = [byte - 48 for byte in digits(text)]
    if not 12 <= len(figures) <= 19 or len(set(figures)) == 1:
        return False
    odd, even = figures[-1::-2], figures[-2::-2]
    return (sum(odd) + sum(_DOUBLED[figure] for figure in even)) % 10 == 0


def ssn(text: bytes) -> bool:
    """Ranges of the Social Security Administration: area not 000, 666 or 9xx, no part all zeros."""
    figures = digits(text)
    area, group, serial = figures[:3], figures[3:5], figures[5:]
    return len(figures) == 9 and area not in {b"000", b"666"} and area < b"900" and group != b"00" and serial != b"0000"


def nhs(text: bytes) -> bool:
    """Check digit of NHS numbers (modulus 11, NHS Data Dictionary): ten digits."""
    figures = [byte - 48 for byte in digits(text)]
    if len(figures) != 10 or len(set(figures)) == 1:
        return False
    check = 11 - sum(figure * weight for figure, weight in zip(figures, range(10, 1, -1), strict=False)) % 11
    return check % 11 == figures[9] and check != 10


def iban(text: bytes) -> int:
    """Characters at the start of a text that are an IBAN (ISO 13616, modulus 97), spaces included; 0 if none."""
    length = IBAN_LENGTHS.get(text[:2].upper(), 0)
    if (whole := _IBAN.match(text)) and _fits(whole[0]):
        return whole.end()
    places = [at for at, byte in enumerate(text, 1) if byte not in b" -"]
    if not length or len(places) < length:
        return 0
    end = places[length - 1]
    plain = text[:end].replace(b" ", b"").replace(b"-", b"").upper()
    if not plain.isalnum():
        return 0
    return end if _fits(plain) else 0


def _fits(plain: bytes) -> bool:
    return int("".join(map(_VALUES.__getitem__, plain[4:] + plain[:4]))) % 97 == 1


_IBAN = re.compile(rb"[A-Z]{2}\d{2}[A-Z0-9]{11,30}(?![A-Za-z0-9])")
"""Without spaces; of whatever length, since countries join and registries lag."""
_ISO = re.compile(rb"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})")
_OTHER = re.compile(rb"(\d{1,2})[-/. ]{1,2}(\d{1,2})[-/. ]{1,2}(\d{4}|\d{2})")
_YEAR = re.compile(rb"\d{4}|'?\d{2}$")


def birth_date(text: bytes) -> bool:
    """Say whether a date is one that exists; figures in either order of day and month, or a month's name."""
    if found := _ISO.match(text):
        return _exists(int(found[1]), int(found[2]), int(found[3]))
    if found := _OTHER.match(text):
        year = int(found[3]) + (1900 if len(found[3]) == 2 else 0)
        first, second = int(found[1]), int(found[2])
        return _exists(year, first, second) or _exists(year, second, first)
    return _YEAR.search(text) is not None


def _exists(year: int, month: int, day: int) -> bool:
    if not (year in _YEARS and 1 <= month <= 12 and 1 <= day <= 31):
        return False
    return day <= 28 or day <= monthrange(year, month)[1]
