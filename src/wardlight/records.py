"""What a record is: the OpenTelemetry log data model plus `kind`, as Arrow columns.

A batch has the columns of `SCHEMA`. A *stream* is the record's set of labels, written as JSON with sorted keys and no
spaces (`stream_of`), so that equal sets are equal strings. Everything else a sender says about a record is an
attribute; attribute names are label names (`user.id` becomes `user_id`, as Loki does it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

import pyarrow as pa

KINDS = ("application", "security", "error", "audit")

SCHEMA = pa.schema(
    [
        pa.field("ts", pa.timestamp("ns"), nullable=False),
        pa.field("kind", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("stream", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("body", pa.string(), nullable=False),
        pa.field("severity", pa.uint8(), nullable=False),
        pa.field("trace_id", pa.binary(16), nullable=False),
        pa.field("span_id", pa.binary(8), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("attributes", pa.map_(pa.dictionary(pa.int32(), pa.string()), pa.string()), nullable=False),
    ]
)
"""Columns of a batch. `severity` is OpenTelemetry's SeverityNumber (0 unknown, 1–24); absent identifiers
of traces and spans are zero bytes; an absent string is empty. `user_id` and `patient_id` are the attributes `user.id`
and `health.patient.id`, columns of their own because audits ask for them. Attribute names are a dictionary: they recur, and
copying and filtering batches is several times quicker."""

COLUMN_ATTRIBUTES = {
    "user_id": "user_id",
    "health_patient_id": "patient_id",
}
"""Attributes that are columns: label name to column."""

Decoded = NewType("Decoded", pa.RecordBatch)  # type: ignore[valid-newtype]  # Arrow has no types to offer
"""A batch as its sender meant it."""

Protected = NewType("Protected", pa.RecordBatch)  # type: ignore[valid-newtype]
"""A batch without identifiers and secrets in its texts; nothing else may be stored."""


@dataclass(frozen=True)
class Sight:
    """What of the logs somebody may see; the query layer sees to it."""

    kinds: frozenset[str] = frozenset(KINDS)
    masked: bool = False
    """Patients' identifiers are shown as keyed pseudonyms."""
    finds: bool = True
    """A search by a patient's identifier finds the patient's records, masked or not; else it finds nothing."""


LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
"""Names of OpenTelemetry's six severity ranges, four numbers each from 1."""

_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


def level_of(severity: int) -> str:
    """Name a SeverityNumber's range; `unknown` for 0 and beyond 24.

    >>> level_of(9), level_of(17), level_of(0)
    ('info', 'error', 'unknown')
    """
    return LEVELS[(severity - 1) // 4] if 1 <= severity <= 24 else "unknown"


def severity_of(level: str) -> int:
    """Read a level's name as a SeverityNumber, 0 if it isn't one that people use.

    >>> severity_of("WARNING"), severity_of("critical"), severity_of("?")
    (13, 21, 0)
    """
    return _SEVERITIES.get(level.strip().lower(), 0)


_SEVERITIES = {
    **{name: 1 + 4 * at for at, name in enumerate(LEVELS)},
    "verbose": 1, "dbg": 5, "information": 9, "informational": 9, "notice": 10, "warning": 13, "err": 17, "eror": 17,
    "critical": 21, "crit": 21, "alert": 22, "emerg": 23, "emergency": 23, "panic": 23,
}  # fmt: skip


def label_name(name: str) -> str:
    """Turn any attribute name into a label name, as Loki does.

    >>> label_name("health.patient.id"), label_name("0k")
    ('health_patient_id', '_0k')
    """
    clean = _NOT_A_NAME.sub("_", name)
    return "_" + clean if not clean or clean[0].isdigit() else clean


def stream_of(labels: Mapping[str, str]) -> str:
    """Write a set of labels as the one string that stands for it.

    >>> stream_of({"b": "2", "a": "1"})
    '{"a":"1","b":"2"}'
    """
    return json.dumps(dict(sorted(labels.items())), ensure_ascii=False, separators=(",", ":"))


def labels_of(stream: str) -> dict[str, str]:
    """Read back what `stream_of` wrote."""
    labels: dict[str, str] = json.loads(stream)
    return labels
