"""Segments of HL7 version 2 messages that say who somebody is, field by field."""

from __future__ import annotations

import re
from itertools import accumulate

from wardlight.protect import looks

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

_BOUND = re.compile(rb"(?:[^|]*+\|){50}")
"""Fields of a segment that are looked at."""

_END = re.compile(
    rb"[\r\n\x00\\< \t\"](?:(?<=[\r\n\x00])|(?<=\\)[rnx]|(?<=<)(?i:cr|br)|(?<=[ \t])[ \t]?(?:MSH|EVN|PID|PD1|PV1|PV2|NK1|ROL|OBX|OBR|ORC|"
    rb"AL1|DG1|PR1|GT1|IN1|IN2|NTE|Z[A-Z0-9]{2})\||(?<=\")(?:(?<!\|\")(?!\")|(?=[}\]\s,;]|$)))"
)
_NUMBER = re.compile(rb"[^^~&|]+")


def segment(text: bytes, at: int, limit: int) -> list[tuple[int, int, str]]:
    """Find the identifiers of a segment that begins at `at`."""
    bound = _BOUND.match(text, at, limit)
    until = bound.end() if bound else limit
    ended = _END.search(text, at, until)
    fields = text[at : ended.start() if ended else until].split(b"|")
    starts = list(accumulate(map(len, fields), initial=at))
    found: list[tuple[int, int, str]] = []
    for number, kind in FIELDS[fields[0]].items():
        if number >= len(fields):
            break
        field, start = fields[number], starts[number] + number
        if not field or field == b'""' or not field.strip(b"^~& ") or looks.done(field):
            continue
        if kind != "mrn":
            found.append((start, start + len(field), kind))
            continue
        # Of identifiers only their numbers, which stay linkable.
        for repetition in field.split(b"~"):
            if (one := _NUMBER.match(repetition)) and not looks.done(one[0]):
                found.append((start, start + one.end(), kind))
            start += len(repetition) + 1
    return found
