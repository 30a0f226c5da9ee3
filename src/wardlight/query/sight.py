"""What of the log store a reader sees: the streams with their labels, and where a question about records begins."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from wardlight.protect.kinds import attribute_kinds, kind_of_attribute
from wardlight.query.labels import METADATA_COLUMNS
from wardlight.query.sql import Binder, Rows, all_of
from wardlight.query.streams import Streams, labels
from wardlight.records import stream_of
from wardlight.store.sight import PATIENT, TELLING, View, blocks, is_pseudonym, pseudonym

_OPEN = frozenset((
    "service_name", "level", "kind", "job", "app", "application", "component", "env", "environment", "version", "source",
    "host", "hostname", "instance", "node", "namespace", "pod", "container", "cluster", "region", "zone", "filename",
    "logger", "stream", "detected_level",
))  # fmt: skip
_OPEN_BEGINNINGS = ("service_", "deployment_", "host_", "k8s_", "container_", "cloud_", "telemetry_")
"""Labels of the audit trail's streams that name no patient."""
_CLEAR = ("ts", "stream", "body AS line", *METADATA_COLUMNS, "_part_offset AS seq")
_OF_PATIENTS = frozenset(("mrn", "nhs", "ssn", "name"))
_BY_NAME = attribute_kinds(())


def seen(streams: Streams, view: View) -> Streams:
    """Show streams as a reader sees them: with pseudonyms in labels that tell of patients."""
    if not view.sight.masked:
        return streams
    hidden: dict[str, str] = {}
    for stream in streams.names:
        telling = _telling(stream, audit="audit" in streams.kinds.get(stream, ()))
        if telling:
            values = labels(stream) | {name: _shown(labels(stream)[name], view) for name in telling}
            hidden[stream_of(values)] = stream
    if not hidden:
        return streams
    shown = {stored: name for name, stored in hidden.items()}
    names = sorted(shown.get(stream, stream) for stream in streams.names)
    kinds = {shown.get(stream, stream): of for stream, of in streams.kinds.items()}
    return replace(streams, names=tuple(names), hidden=hidden, kinds=kinds)


@lru_cache(maxsize=100_000)
def _telling(stream: str, *, audit: bool) -> tuple[str, ...]:
    """Name the labels of a stream that may carry a patient's identifier."""
    return tuple(name for name in labels(stream) if (not _is_open(name) if audit else _is_telling(name)))


def _is_open(name: str) -> bool:
    return name in _OPEN or name.startswith(_OPEN_BEGINNINGS)


def _is_telling(name: str) -> bool:
    return name in TELLING or (not _is_open(name) and kind_of_attribute(name, *_BY_NAME) in _OF_PATIENTS)


def _shown(value: str, view: View) -> str:
    return value if not value or is_pseudonym(value) else view.keys.pseudonym(PATIENT, value)


def records(view: View, streams: Streams, start_ns: int, end_ns: int, binder: Binder) -> Rows:
    """Begin with the stored records of some streams, start ≤ time < end, as the reader sees them.

    Who sees patients asks the table itself; for others `store.sight.View.source` says which columns there are.
    """
    conditions = (
        f"ts >= {binder.moment(start_ns)}",
        f"ts < {binder.moment(end_ns)}",
        f"stream IN {binder.texts(streams.stored)}",
    )
    if not view.sight.masked:
        rows = Rows("logs", _CLEAR)
        for condition in (*conditions, *filter(None, [view.restriction])):
            rows.where(condition)
        return rows
    stream = "raw_stream"
    if streams.hidden:
        shown = {stored: name for name, stored in streams.hidden.items() if name in streams.names}
        stream = f"transform(raw_stream, {binder.texts(shown)}, {binder.texts(shown.values())}, raw_stream)"
    binder.params.update(view.params)
    return Rows(view.source(all_of(conditions), kinds=streams.all_kinds, stream=stream), ["*"])


def is_patient(value: str, view: View, binder: Binder) -> str:
    """Write the condition on masked records that they are of one patient, in a form that an index knows where one can.

    A pseudonym means whoever has it by the key that it names, whatever kind of identifier it was taken for.
    """
    if not is_pseudonym(value):
        return f"raw_patient IN {binder.texts(view.meant(value))}" if view.sight.finds else "0"
    key = view.key_of(value)
    written = f"raw_patient = {binder.text(value)}"
    if key is None:
        return written
    as_patient = f"pseudo:{PATIENT}:{key.id}:{value.rpartition(':')[2]}"
    inner, outer = blocks(key)
    by_key = pseudonym("raw_patient", binder.text(key.id), binder.text(inner), binder.text(outer))
    return f"({written} OR {by_key} = {binder.text(as_patient)})"
