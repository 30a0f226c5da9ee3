"""Points in time as FHIR and DICOM write them (XML Schema's dateTime), to nanoseconds and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_WRITTEN = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?\s*([Zz]|[+-]\d\d:?\d\d)?)?\s*", re.ASCII
)
_FITTING = 2**63
"""What a signed integer of 64 bits holds: from 1677 to 2262."""


def parse(written: str) -> int | None:
    """Read as nanoseconds since 1970; what has no zone is read as UTC; None if it isn't a time between 1677 and 2262.

    >>> parse("1970-01-01T01:00:00.25+01:00"), parse("1970-01-01"), parse("yesterday")
    (250000000, 0, None)
    """
    found = _WRITTEN.fullmatch(written)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{(zone or 'Z').upper()}")
        nanoseconds = int((moment - _START).total_seconds()) * 10**9 + int((fraction or "0").ljust(9, "0")[:9])
    except (ValueError, OverflowError):
        return None
    return nanoseconds if -_FITTING <= nanoseconds < _FITTING else None


_START = datetime(1970, 1, 1, tzinfo=UTC)


def has_zone(written: str) -> bool:
    """Whether a time that `parse` reads says its zone.

    >>> has_zone("1970-01-01T01:00:00+01:00"), has_zone("1970-01-01T01:00:00")
    (True, False)
    """
    found = _WRITTEN.fullmatch(written)
    return found is not None and found.group(4) is not None


def write(nanoseconds: int) -> str:
    """Write as an instant in UTC, with as many digits as it needs.

    >>> write(250_000_000), write(0)
    ('1970-01-01T00:00:00.25Z', '1970-01-01T00:00:00Z')
    """
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")
    return moment + (f".{rest:09}".rstrip("0") if rest else "") + "Z"
