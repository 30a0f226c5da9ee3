"""JSON objects to records, whoever sends them: usual names are found, everything else is structured metadata.

Nested objects are flattened, `{"http": {"status": 200}}` to `http.status`, which becomes `http_status`; lists are JSON.

| what | the first of these that is there |
|---|---|
| time | `@timestamp`, `timestamp`, `time`, `ts`, `_time`: ISO 8601 (UTC if it names no zone) or a number since 1970 |
| line | `message`, `msg`, `body`, `log`, `_msg`, `event`; else the whole object as JSON |
| level | `level`, `severity`, `log.level`; a number from 10 to 60 is pino's or bunyan's |
| labels | `service.name` and its like, `host.name` and its like, the names of `receive.index_labels` |

Objects of one service have few sets of keys. What a set of keys means is found out once; the rest is copying.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from wardlight.config import Receive
from wardlight.receive import times
from wardlight.receive.assemble import SERVICE_LABELS, Columns, Decoding, Ints, Refusal, assemble, nothing
from wardlight.records import label_name, severity_of

TIME_NAMES = ("@timestamp", "timestamp", "time", "ts", "_time")
BODY_NAMES = ("message", "msg", "body", "log", "_msg", "event")
LEVEL_NAMES = ("level", "severity", "log.level")
LABEL_NAMES: Mapping[str, Sequence[str]] = {
    "service_name": ("service.name", *SERVICE_LABELS),
    "host_name": ("host.name", "host_name", "hostname", "host"),
    "deployment_environment": ("deployment.environment", "deployment.environment.name", "environment", "env"),
}
"""Labels, and the names they are found under."""

OWN_LABELS = "labels"
"""An object of this name holds labels, where `own_labels` says so."""

_DEEPEST = 16
_NOT_FLAT = {dict, type(None)}
_PINO = {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}
_UNREADABLE = "has a time that can't be read; use ISO 8601 or a number since 1970"


@dataclass(frozen=True)
class _Shape:
    """What a set of keys means: names at which something of its own is found, and the names of all others."""

    time: str
    body: str
    level: str
    labels: tuple[tuple[str, str], ...]
    """Label and the name it is found under."""
    rest: tuple[str, ...]
    label_values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    rest_values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    groups: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """Numbers of the sets of labels seen, by their values."""


@dataclass
class _Found:
    """What the objects held, column by column."""

    ts: list[Any] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    severity: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    groups: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


def decode(
    objects: Sequence[Mapping[str, Any]], settings: Receive, now_ns: int, *, own_labels: bool = False
) -> Decoding:
    """Decode objects to records, in their order; refusals name them by their place."""
    if not objects:
        return nothing()
    shapes: dict[tuple[str, ...], _Shape] = {}
    found = _Found()
    indexed = {**LABEL_NAMES, **{label_name(name): (name,) for name in settings.index_labels if not _known(name)}}
    for given in objects:
        flat = given if _NOT_FLAT.isdisjoint(map(type, given.values())) else dict(_flatten(given, "", 0))
        keys = tuple(flat)
        shape = shapes.get(keys)
        if shape is None:
            shape = shapes[keys] = _shape(keys, indexed, own_labels=own_labels)
        _add(found, given, flat, shape)
    ts = _times(found.ts)
    decoding = assemble(
        Columns(
            ts=ts,
            body=pa.array(found.body, pa.string()),
            group=np.array(found.group, np.int64),
            groups=[dict(labels) for labels in found.groups],
            counts=np.array(found.counts, np.int64),
            keys=pa.array(found.keys, pa.string()),
            values=pa.array(found.values, pa.string()),
            severity=np.array(found.severity, np.uint8),
        ),
        settings,
        now_ns,
    )
    return replace(decoding, refused=_told_apart(decoding.refused, ts))


def _known(name: str) -> bool:
    return any(name in names for names in LABEL_NAMES.values())


def _flatten(given: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the leaves with their dotted names, without nulls; what lies deeper than anybody reads stays together."""
    for key, value in given.items():
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _flatten(value, f"{prefix}{key}.", depth + 1)
        elif value is not None:
            yield prefix + key, value


def _shape(keys: tuple[str, ...], indexed: Mapping[str, Sequence[str]], *, own_labels: bool) -> _Shape:
    """Find out what a set of keys means."""
    special = [next((name for name in names if name in keys), "") for names in (TIME_NAMES, BODY_NAMES, LEVEL_NAMES)]
    labels = {label: next((name for name in names if name in keys), "") for label, names in indexed.items()}
    if own_labels:
        prefix = f"{OWN_LABELS}."
        labels |= {label_name(key.removeprefix(prefix)): key for key in keys if key.startswith(prefix)}
    pairs = tuple((label, name) for label, name in labels.items() if name and name not in special)
    taken = {*special, *(name for _, name in pairs)}
    time, body, level = special
    rest = tuple(key for key in keys if key not in taken)
    return _Shape(time, body, level, pairs, rest, _getter([name for _, name in pairs]), _getter(rest))


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Make the quickest function that gets the values of these names."""
    if len(names) > 1:
        return itemgetter(*names)
    return (lambda flat: (flat[names[0]],)) if names else lambda _flat: ()


def _add(found: _Found, given: Mapping[str, Any], flat: Mapping[str, Any], shape: _Shape) -> None:
    """Append one object to the columns."""
    line = _text(flat[shape.body]) if shape.body else ""
    level = flat[shape.level] if shape.level else ""
    severity = _severity(level) if isinstance(level, str | int) else 0
    found.ts.append(flat[shape.time] if shape.time else None)
    found.body.append(line.rstrip("\n") if line else _json(given))
    found.severity.append(severity)
    found.group.append(_group(found, flat, shape))
    found.keys += shape.rest
    found.values += [value if value.__class__ is str else _text(value) for value in shape.rest_values(flat)]
    if severity or not shape.level:
        found.counts.append(len(shape.rest))
    else:
        found.keys.append(shape.level)
        found.values.append(_text(level))
        found.counts.append(len(shape.rest) + 1)


def _group(found: _Found, flat: Mapping[str, Any], shape: _Shape) -> int:
    """Number the object's set of labels."""
    values = shape.label_values(flat)
    try:
        return shape.groups[values]
    except (KeyError, TypeError):  # not seen yet, or a list
        texts = tuple(map(_text, values))
    pairs = tuple((label, text) for (label, _), text in zip(shape.labels, texts, strict=True) if text)
    group = found.groups.setdefault(pairs, len(found.groups))
    shape.groups.setdefault(texts, group)
    return group


@lru_cache(maxsize=1024)
def _severity(level: str | int) -> int:
    """Read a level, 0 if it is none."""
    return severity_of(level) if isinstance(level, str) else _PINO.get(level, 0)


def _text(value: Any) -> str:
    """Write a value as text; lists and what is left of objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json(value) if isinstance(value, list | dict) else str(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _times(given: Sequence[Any]) -> Ints:
    """Read times, text or numbers; 0 where there is none."""
    if all(value is None or value.__class__ is str for value in given):
        return times.column(pa.array(given, pa.string()))
    return np.array([0 if value is None else times.of(value) for value in given], np.int64)


def _told_apart(refused: Sequence[Refusal], ts: Ints) -> tuple[Refusal, ...]:
    """Tell times that can't be read from those that are too old."""
    told: list[Refusal] = []
    for refusal in refused:
        unreadable = tuple(at for at in refusal.records if ts[at] == times.UNREADABLE)
        others = tuple(at for at in refusal.records if ts[at] != times.UNREADABLE)
        for records, reason, rule in (
            (unreadable, "timestamp_unreadable", _UNREADABLE), (others, refusal.reason, refusal.rule),
        ):  # fmt: skip
            if records:
                told.append(Refusal(reason, f"record {records[0]} of the request {rule}", len(records), rule, records))
    return tuple(told)
