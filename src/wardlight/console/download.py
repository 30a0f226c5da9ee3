"""Log lines as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import msgspec
from fastapi import Response

from wardlight.audit.export import defused
from wardlight.audit.instants import write
from wardlight.problems import BadInput
from wardlight.query.host import Entry

_FORMATS = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


def download(entries: Sequence[Entry], form: str, headers: Mapping[str, str]) -> Response:
    """Write lines as `ndjson` or `csv`, the newest first. Raises BadInput for another format."""
    if form not in _FORMATS:
        raise BadInput(f"the format is one of {', '.join(_FORMATS)}")
    content = _csv(entries) if form == "csv" else _ndjson(entries)
    named = {"Content-Disposition": f'attachment; filename="logs.{form}"'}
    return Response(content, headers={**headers, **named}, media_type=_FORMATS[form])


def _ndjson(entries: Sequence[Entry]) -> bytes:
    lines = ({"time": write(it.ts), "line": it.line, "labels": it.labels()} for it in entries)
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _csv(entries: Sequence[Entry]) -> bytes:
    """Write a column for each label that a line has; no cell acts as a formula."""
    names = sorted({name for entry in entries for name in entry.labels()})
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(["time", "line", *map(defused, names)])
    for entry in entries:
        labels = entry.labels()
        lines.writerow([write(entry.ts), defused(entry.line), *(defused(labels.get(name, "")) for name in names)])
    return text.getvalue().encode("utf-8", "replace")
