"""Loki's push, snappy protobuf and JSON, to records (Loki HTTP API, `POST /loki/api/v1/push`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive.assemble import Columns, Decoding, Ints, assemble, nothing
from wardlight.receive.decompress import unsnappy
from wardlight.receive.wire import declare, decoder, lengths

REQUEST = declare(
    "wardlight.loki",
    "PushRequest",
    {
        "Timestamp": {1: ("seconds", "int64"), 2: ("nanos", "int32")},
        "LabelPair": {1: ("name", "string"), 2: ("value", "string")},
        "Entry": {
            1: ("timestamp", "Timestamp"),
            2: ("line", "string"),
            3: ("structured_metadata", "LabelPair", "repeated"),
        },
        "Stream": {1: ("labels", "string"), 2: ("entries", "Entry", "repeated")},
        "PushRequest": {1: ("streams", "Stream", "repeated")},
    },
)
"""Loki's PushRequest."""

_DECODER = decoder(REQUEST)
_SECOND = 1_000_000_000
_MAX_SECONDS = (1 << 63) // _SECOND - 1
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_.:-]*)\s*=\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*(?:,|(?=\}))', re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_PLAIN_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class _Entry(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """`["<nanoseconds>", "<line>", {structured metadata}?]`."""

    ts: str
    line: str
    metadata: dict[str, str] | None = None


class _Stream(msgspec.Struct):
    stream: dict[str, str]
    values: list[_Entry] = []


class _Push(msgspec.Struct):
    streams: list[_Stream]


def decode_snappy(payload: bytes, settings: Receive, now_ns: int) -> Decoding:
    """Decode a PushRequest as it is sent, in snappy's block format; raises BadInput or TooLarge."""
    return decode_protobuf(unsnappy(payload, settings.max_body_bytes), settings, now_ns)


def decode_protobuf(payload: bytes, settings: Receive, now_ns: int) -> Decoding:
    """Decode an unsnappied PushRequest; raises BadInput when it isn't one."""
    streams = _DECODER.decode([payload])["streams"].flatten()
    entry_lists = pc.struct_field(streams, "entries")
    entries = entry_lists.flatten()
    if len(entries) == 0:
        return nothing()
    metadata_lists = pc.struct_field(entries, "structured_metadata")
    metadata = metadata_lists.flatten()
    return assemble(
        Columns(
            ts=_times(entries),
            body=pc.struct_field(entries, "line").fill_null(""),
            group=np.repeat(np.arange(len(streams)), lengths(entry_lists)),
            groups=[parse_labels(text) for text in pc.struct_field(streams, "labels").fill_null("{}").to_pylist()],
            counts=lengths(metadata_lists),
            keys=pc.struct_field(metadata, "name").fill_null(""),
            values=pc.struct_field(metadata, "value").fill_null(""),
        ),
        settings,
        now_ns,
    )


def decode_json(payload: bytes, settings: Receive, now_ns: int) -> Decoding:
    """Decode a push in JSON; raises BadInput with the position."""
    try:
        push = msgspec.json.decode(payload, type=_Push)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"not a Loki push in JSON: {error}") from None
    entries = [entry for stream in push.streams for entry in stream.values]
    if not entries:
        return nothing()
    metadata = [entry.metadata or {} for entry in entries]
    return assemble(
        Columns(
            ts=_read_times(entries),
            body=pa.array([entry.line for entry in entries], pa.string()),
            group=np.repeat(np.arange(len(push.streams)), [len(stream.values) for stream in push.streams]),
            groups=[stream.stream for stream in push.streams],
            counts=np.array([len(pairs) for pairs in metadata], np.int64),
            keys=pa.array([key for pairs in metadata for key in pairs], pa.string()),
            values=pa.array([value for pairs in metadata for value in pairs.values()], pa.string()),
        ),
        settings,
        now_ns,
    )


@lru_cache(maxsize=65_536)
def parse_labels(text: str) -> dict[str, str]:
    r"""Read labels as Prometheus writes them.

    >>> parse_labels('{app="clinic", path="C:\\\\x"}')
    {'app': 'clinic', 'path': 'C:\\x'}
    """
    bare = text.strip()
    if not (bare.startswith("{") and bare.endswith("}")):
        raise BadInput('the labels of a stream are not of the form {name="value", …} at character 1')
    labels: dict[str, str] = {}
    at = 1
    while bare[at:].strip() != "}":
        found = _LABEL.match(bare, at)
        if found is None:
            raise BadInput(f"the labels of a stream can't be read at character {at + 1}")
        name, value = found.groups()
        labels[name] = value[1:-1] if value[0] == "`" else _unquote(value[1:-1])
        at = found.end()
    return labels


def _unquote(text: str) -> str:
    """Undo Go's escapes in a quoted string."""
    if "\\" not in text:
        return text

    def plain(found: re.Match[str]) -> str:
        escape = found[1]
        if escape[0] in "xuU":
            return chr(min(int(escape[1:], 16), 0x10FFFF))
        if len(escape) == 3:
            return chr(int(escape, 8))
        return _PLAIN_ESCAPES.get(escape, escape)

    return _ESCAPE.sub(plain, text)


def _times(entries: pa.StructArray) -> Ints:
    """Join seconds and nanoseconds; what doesn't fit becomes the first or last time that does."""
    seconds = pc.struct_field(entries, ["timestamp", "seconds"]).fill_null(0).to_numpy(zero_copy_only=False)
    nanos = pc.struct_field(entries, ["timestamp", "nanos"]).fill_null(0).to_numpy(zero_copy_only=False)
    times: Ints = np.clip(seconds, -_MAX_SECONDS, _MAX_SECONDS) * _SECOND + nanos
    return times


def _read_times(entries: Sequence[_Entry]) -> Ints:
    try:
        return np.array([int(entry.ts) for entry in entries], np.int64)
    except (ValueError, OverflowError):
        for at, entry in enumerate(entries):
            if not entry.ts.lstrip("-").isdecimal() or not -(1 << 63) <= int(entry.ts) < 1 << 63:
                raise BadInput(f"the timestamp of entry {at} isn't nanoseconds since 1970") from None
        raise
