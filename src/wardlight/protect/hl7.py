"""Segments of HL7 version 2 messages that say who somebody is, field by field."""

from __future__ import annotations

import re

FIELDS: dict[bytes, dict[int, str]] = {
    b"PID": {
        2: "mrn", 3: "mrn", 4: "mrn", 5: "name", 6: "name", 7: "birth_date", 9: "name", 11: "address", 13: "phone", 14: "phone",
        18: "mrn", 19: "ssn", 20: "mrn", 21: "mrn", 23: "address",
    },
    b"NK1": {2: "name", 4: "address", 5: "phone", 6: "phone", 16: "birth_date", 30: "name", 31: "phone", 32: "address", 37: "ssn"},
    b"GT1": {2: "mrn", 3: "name", 4: "name", 5: "address", 6: "phone", 7: "phone", 8: "birth_date", 12: "ssn"},
    b"IN1": {16: "name", 18: "birth_date", 19: "address", 36: "mrn", 49: "mrn"},
}  # fmt: skip
"""Segment, field number, kind (HL7 2.5.1, chapters 3 and 6)."""

_FIELDS = 50
"""Fields of a segment that are looked at."""

_NEXT = rb"[ \t]{1,2}(?:MSH|EVN|PID|PD1|PV1|PV2|NK1|ROL|OBX|OBR|ORC|AL1|DG1|PR1|GT1|IN1|IN2|NTE|Z[A-Z0-9]{2})\|"
_END = re.compile(rb"[\r\n\x00]|\\[rnx]|<(?i:cr|br)|" + _NEXT + rb"|(?<!\|)\"(?!\")|\"(?=[}\]\s,;]|$)")
_IDENTIFIER = re.compile(rb"[^^~&|]+")


def segment(text: bytes, at: int, limit: int) -> list[tuple[int, int, str]]:
    """Find the identifiers of a segment that begins at `at`."""
    until = at
    for _ in range(_FIELDS):
        until = text.find(b"|", until, limit) + 1
        if not until:
            until = limit
            break
    ended = _END.search(text, at, until)
    end = ended.start() if ended else until
    kinds = FIELDS[text[at : at + 3]]
    found: list[tuple[int, int, str]] = []
    start = at
    for number, field in enumerate(text[at:end].split(b"|")):
        kind = kinds.get(number, "")
        if kind and field.strip(b"^~& ") and field != b'""':
            found += [(begin, stop, kind) for begin, stop in _parts(text, start, start + len(field), kind)]
        start += len(field) + 1
    return found


def _parts(text: bytes, start: int, end: int, kind: str) -> list[tuple[int, int]]:
    """Of an identifier only its number, which stays linkable; of anything else the whole field."""
    if kind != "mrn":
        return [(start, end)]
    spans = []
    for repetition in text[start:end].split(b"~"):
        number = _IDENTIFIER.match(text, start, start + len(repetition))
        if number:
            spans.append(number.span())
        start += len(repetition) + 1
    return spans
