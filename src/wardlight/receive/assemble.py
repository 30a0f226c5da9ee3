"""The last step of every decoder: loose columns in, a batch of `records.SCHEMA` and what was refused out.

Here stand the rules that hold for all protocols: which kind a record is, which labels are added, which timestamps and
sizes are refused, which attributes are columns. Work is done a column at a time; Python loops run over distinct
streams and names only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.config import Receive
from wardlight.records import KINDS, LEVELS, SCHEMA, Decoded, label_name, severity_of, stream_of

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SECURITY_EVENTS = (
    "user.login", "user.logout", "session.start", "session.end", "permission.denied",
    "authentication", "authorization",
)  # fmt: skip
"""Values of `event.name` that make a record one of security, unless its sender says otherwise."""

AUDIT_EVENTS = ("record.access", "record.export")
"""Values of `event.name` that make a record one of the audit trail."""

MIN_TIME = 31_536_000_000_000_000
"""Earliest time of a record, 1971 in nanoseconds: what lies before was meant as seconds, milli- or microseconds."""

SERVICE_LABELS = ("service_name", "service", "app", "application", "app_name", "job", "container", "component")
"""Where `service_name` is taken from when a sender has no such label, the first that is there."""

LEVEL_LABELS = ("level", "detected_level", "severity", "severity_text", "lvl", "loglevel", "log_level")
"""Labels and attributes that name a level, the first that is there."""

_LEVEL_IN_LINE = r'(?i)\b(?:level|lvl|severity|loglevel)"?\s*[=:]\s*"?(?P<level>[a-z]+)'
_APPLICATION, _SECURITY, _ERROR, _AUDIT = range(4)
_UNKNOWN_LEVEL = len(LEVELS)


@dataclass(frozen=True)
class Refusal:
    """Records of a request that were not taken, and why."""

    reason: str
    """One word for counters."""
    message: str
    """A sentence for the sender, naming the first such record."""
    count: int
    rule: str = ""
    """The sentence's predicate, for those that name each record."""
    records: tuple[int, ...] = ()
    """Which records of the request, from 0."""


@dataclass(frozen=True)
class Decoding:
    """What a request held."""

    whole: Decoded
    """Its good records, or those of all requests that were decoded with it."""
    refused: tuple[Refusal, ...] = ()
    timed: bool = True
    """Every record had a time of its sender's, so that an equal request can only be a repetition."""
    rows: range | None = field(default=None, kw_only=True)
    """Which of `whole` are its own; None: all."""

    @property
    def records(self) -> range:
        """Which of `whole` are its own."""
        return range(self.whole.num_rows) if self.rows is None else self.rows

    @property
    def batch(self) -> Decoded:
        """Its good records."""
        return self.whole if self.rows is None else Decoded(self.whole.slice(self.rows.start, len(self.rows)))


@dataclass(kw_only=True)
class Columns:
    """What a decoder found, as loose columns of `rows` records.

    The attributes of all records lie flat in `keys` and `values`; record i has `counts[i]` of them.
    """

    ts: Ints
    """Nanoseconds since 1970; 0 where the sender gave none."""
    body: pa.StringArray
    group: Ints
    """Index into `groups`."""
    groups: Sequence[Mapping[str, str]]
    """Sets of labels."""
    counts: Ints
    keys: pa.StringArray | pa.DictionaryArray
    values: pa.StringArray
    severity: npt.NDArray[np.uint8] | None = None
    trace_id: pa.Array | None = None
    span_id: pa.Array | None = None
    kind: str = ""
    """The kind of everything on this channel; empty to look at each record."""


def nothing() -> Decoding:
    """A request without records."""
    return Decoding(Decoded(pa.RecordBatch.from_pylist([], schema=SCHEMA)))


def assemble(columns: Columns, settings: Receive, now_ns: int) -> Decoding:
    """Apply the rules and build the batch."""
    rows = len(columns.ts)
    timed = bool(columns.ts.all())
    _join_equal_groups(columns)
    columns.ts = np.where(columns.ts == 0, now_ns, columns.ts)
    good, refused = _refuse(columns, settings, now_ns)
    attributes = _Attributes(columns)
    severity = columns.severity if columns.severity is not None else np.zeros(rows, np.uint8)
    level = _levels(columns, attributes, severity)
    kind = _kinds(columns, attributes, level)
    stream = _streams(columns, kind, level, derive=settings.derive_labels)
    batch = pa.record_batch(
        [
            pa.array(columns.ts, pa.timestamp("ns")),
            pa.DictionaryArray.from_arrays(pa.array(kind, pa.int8()), pa.array(KINDS)),
            stream,
            columns.body,
            pa.array(severity),
            attributes.identifier("trace_id", 16, columns.trace_id),
            attributes.identifier("span_id", 8, columns.span_id),
            attributes.pop("user_id"),
            attributes.pop("health_patient_id"),
            attributes.map(),
        ],
        schema=SCHEMA,
    )
    return Decoding(Decoded(batch if good.all() else batch.filter(pa.array(good))), refused, timed)


def _join_equal_groups(columns: Columns) -> None:
    """Let equal sets of labels be one: requests that are decoded together often come from the same few services."""
    distinct: dict[tuple[tuple[str, str], ...], int] = {}
    place = [distinct.setdefault(tuple(labels.items()), len(distinct)) for labels in columns.groups]
    if len(distinct) < len(place):
        columns.group = np.array(place, np.int64)[columns.group]
        columns.groups = [dict(labels) for labels in distinct]


def _refuse(columns: Columns, settings: Receive, now_ns: int) -> tuple[Mask, tuple[Refusal, ...]]:
    """Find records that break a rule; each is counted under the first rule it breaks."""
    latest = now_ns + int(settings.max_future_seconds * 1e9)
    rules = (
        ("timestamp_too_old", columns.ts < MIN_TIME,
         "has a timestamp before 1971; timestamps are nanoseconds since 1970"),
        ("timestamp_in_future", columns.ts > latest,
         f"is more than {settings.max_future_seconds:g} seconds ahead of our clock (receive.max_future_seconds)"),
        ("line_too_long", pc.binary_length(columns.body).to_numpy(zero_copy_only=False) > settings.max_line_bytes,
         f"is longer than {settings.max_line_bytes} bytes (receive.max_line_bytes)"),
        ("too_many_attributes", columns.counts > settings.max_attributes,
         f"has more than {settings.max_attributes} attributes (receive.max_attributes)"),
    )  # fmt: skip
    good = np.ones(len(columns.ts), bool)
    refused = []
    for reason, breaks, sentence in rules:
        broken = breaks & good
        if broken.any():
            records = tuple(np.flatnonzero(broken).tolist())
            message = f"record {records[0]} of the request {sentence}"
            refused.append(Refusal(reason, message, len(records), sentence, records))
            good &= ~broken
    return good, tuple(refused)


@dataclass
class _Attributes:
    """The flat attributes of a request, with names as label names; columns are taken out one by one."""

    columns: Columns
    rows: int = field(init=False)
    codes: Ints = field(init=False)
    names: list[str] = field(init=False)
    row: Ints = field(init=False)
    kept: Mask = field(init=False)

    def __post_init__(self) -> None:
        keys = self.columns.keys
        encoded = keys if isinstance(keys, pa.DictionaryArray) else keys.dictionary_encode()
        clean = [_clean_name(name) for name in encoded.dictionary.to_pylist()]
        self.names = list(dict.fromkeys(clean))
        place = {name: at for at, name in enumerate(self.names)}
        translate = np.array([place[name] for name in clean], np.int64)
        raw = encoded.indices.to_numpy(zero_copy_only=False)
        self.codes = translate[raw] if len(raw) else np.zeros(0, np.int64)
        self.rows = len(self.columns.counts)
        self.row = np.repeat(np.arange(self.rows), self.columns.counts)
        self.kept = self._first_of_each_name()

    def _first_of_each_name(self) -> Mask:
        """A name that occurs twice in one record keeps its first value."""
        place = self.row * max(len(self.names), 1) + self.codes
        kept = np.ones(len(place), bool)
        seen = np.zeros(self.rows * max(len(self.names), 1), bool)
        seen[place] = True
        if seen.sum() < len(place):
            kept[:] = False
            kept[np.unique(place, return_index=True)[1]] = True
        return kept

    def has(self, name: str) -> Mask:
        """Which records have this attribute."""
        present = np.zeros(self.rows, bool)
        if name in self.names:
            present[self.row[self.codes == self.names.index(name)]] = True
        return present

    def column(self, name: str, *, take_out: bool = False) -> pa.StringArray:
        """Return an attribute as a column, empty where it is absent."""
        if name not in self.names:
            return pa.repeat(pa.scalar(""), self.rows)
        at = np.flatnonzero((self.codes == self.names.index(name)) & self.kept)
        where = np.full(self.rows, -1, np.int64)
        where[self.row[at]] = at
        if take_out:
            self.kept[at] = False
        return self.columns.values.take(pa.array(where, mask=where < 0)).fill_null("")

    def pop(self, name: str) -> pa.StringArray:
        """Return an attribute as a column and drop it from the rest."""
        return self.column(name, take_out=True)

    def identifier(self, name: str, size: int, given: pa.Array | None) -> pa.Array:
        """Return trace or span identifiers as bytes: those of the protocol, else attributes of the right form."""
        if given is not None and given.type == pa.binary(size):
            return given
        if given is not None:
            right = pc.equal(pc.binary_length(given), size)
            return pc.if_else(right, given, pa.scalar(bytes(size), pa.binary())).cast(pa.binary(size))
        absent = bytes(size)
        if name not in self.names:
            return pa.repeat(pa.scalar(absent, pa.binary(size)), self.rows)
        text = self.column(name)
        right = pc.match_substring_regex(text, rf"^[0-9a-f]{{{2 * size}}}$").to_numpy(zero_copy_only=False)
        self.kept[(self.codes == self.names.index(name)) & right[self.row]] = False
        values = [bytes.fromhex(v) if ok else absent for v, ok in zip(text.to_pylist(), right, strict=True)]
        return pa.array(values, pa.binary(size))

    def map(self) -> pa.MapArray:
        """Return what is left as a map column. An empty attribute is not an absent one."""
        values, kept = self.columns.values, self.kept
        counts = np.bincount(self.row[kept], minlength=self.rows)
        offsets = np.zeros(self.rows + 1, np.int32)
        np.cumsum(counts, out=offsets[1:])
        keys = pa.DictionaryArray.from_arrays(pa.array(self.codes[kept], pa.int32()), pa.array(self.names, pa.string()))
        return pa.MapArray.from_arrays(pa.array(offsets), keys, values.filter(pa.array(kept)))


@lru_cache(maxsize=65_536)
def _clean_name(name: str) -> str:
    return label_name(name)


def _levels(columns: Columns, attributes: _Attributes, severity: npt.NDArray[np.uint8]) -> Ints:
    """Find each record's level as an index into LEVELS: by severity, labels, attributes, then the line itself."""
    level = np.where((severity >= 1) & (severity <= 24), (severity.astype(np.int64) - 1) // 4, _UNKNOWN_LEVEL)
    if (level == _UNKNOWN_LEVEL).any():
        by_group = np.array([_level_among(labels) for labels in columns.groups], np.int64)
        level = np.where(level == _UNKNOWN_LEVEL, by_group[columns.group], level)
    for name in LEVEL_LABELS:
        if name in attributes.names and (level == _UNKNOWN_LEVEL).any():
            level = np.where(level == _UNKNOWN_LEVEL, _named_levels(attributes.column(name)), level)
    unknown = level == _UNKNOWN_LEVEL
    if unknown.any():
        words = pc.struct_field(pc.extract_regex(columns.body.filter(pa.array(unknown)), _LEVEL_IN_LINE), "level")
        level[unknown] = _named_levels(words.fill_null(""))
    return level


def _level_among(labels: Mapping[str, str]) -> int:
    """Return the level that a set of labels names."""
    for name in LEVEL_LABELS:
        severity = severity_of(labels.get(name, ""))
        if severity:
            return (severity - 1) // 4
    return _UNKNOWN_LEVEL


def _named_levels(words: pa.StringArray) -> Ints:
    """Read a column of level names."""
    encoded = words.dictionary_encode()
    severities = np.array([severity_of(word) for word in encoded.dictionary.to_pylist()], np.int64)
    levels = np.where(severities > 0, (severities - 1) // 4, _UNKNOWN_LEVEL)
    found: Ints = levels[encoded.indices.to_numpy(zero_copy_only=False)]
    return found


def _kinds(columns: Columns, attributes: _Attributes, level: Ints) -> Ints:
    """Decide each record's kind: what its sender says, else the channel, else its content."""
    rows = len(columns.ts)
    kind = np.full(rows, KINDS.index(columns.kind) if columns.kind else _APPLICATION, np.int64)
    if not columns.kind:
        kind[(level != _UNKNOWN_LEVEL) & (level >= LEVELS.index("error"))] = _ERROR
        kind[attributes.has("exception_type")] = _ERROR
        if "event_name" in attributes.names:
            event = attributes.column("event_name")
            kind[_among(event, SECURITY_EVENTS)] = _SECURITY
            kind[_among(event, AUDIT_EVENTS)] = _AUDIT
    if any("wardlight_kind" in labels for labels in columns.groups):
        stated = np.array([_kind_index(labels.get("wardlight_kind", "")) for labels in columns.groups], np.int64)
        kind = np.where(stated[columns.group] >= 0, stated[columns.group], kind)
    if "wardlight_kind" in attributes.names:
        said = attributes.pop("wardlight_kind").dictionary_encode()
        indexes = np.array([_kind_index(word) for word in said.dictionary.to_pylist()], np.int64)
        given = indexes[said.indices.to_numpy(zero_copy_only=False)]
        kind = np.where(given >= 0, given, kind)
    return kind


def _kind_index(word: str) -> int:
    return KINDS.index(word) if word in KINDS else -1


def _among(values: pa.StringArray, words: Sequence[str]) -> Mask:
    found: Mask = pc.is_in(values, value_set=pa.array(words)).to_numpy(zero_copy_only=False)
    return found


def _streams(columns: Columns, kind: Ints, level: Ints, *, derive: bool) -> pa.DictionaryArray:
    """Write each record's labels; there are far fewer sets of labels than records."""
    code = (columns.group * len(KINDS) + kind) * (len(LEVELS) + 1) + level if derive else columns.group
    # Codes are small: a table of them is several times as quick as sorting.
    used = np.zeros(int(code.max()) + 1, bool)
    used[code] = True
    index = (np.cumsum(used) - 1)[code]
    streams = []
    for value in np.flatnonzero(used).tolist():
        rest, at_level = divmod(value, len(LEVELS) + 1) if derive else (value * len(KINDS), 0)
        at_group, at_kind = divmod(rest, len(KINDS))
        labels = tuple(columns.groups[at_group].items())
        write = _known_stream if sum(len(name) + len(text) for name, text in labels) < _LARGE else _stream
        streams.append(write(labels, at_kind, at_level) if derive else write(labels))
    # Groups may have equal labels, and the engine refuses a dictionary that says the same twice.
    place = {stream: at for at, stream in enumerate(dict.fromkeys(streams))}
    codes = np.array([place[stream] for stream in streams], np.int32)[index]
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(place), pa.string()))


def _stream(labels: tuple[tuple[str, str], ...], kind: int = -1, level: int = -1) -> str:
    """Write labels as a stream, with those that are derived from a kind and a level."""
    given = dict(labels)
    if kind >= 0:
        given = _derived(given, KINDS[kind], LEVELS[level] if level < len(LEVELS) else "unknown")
    # An empty label is no label, as Prometheus and Loki have it.
    return stream_of({name: value for name, value in given.items() if value})


_LARGE = 1000
"""Characters of labels that are too many to be remembered."""
_known_stream = lru_cache(maxsize=4096)(_stream)


def _derived(labels: dict[str, Any], kind: str, level: str) -> dict[str, str]:
    """Add what a sender left out: whose log it is, its kind, its level."""
    service = next((labels[name] for name in SERVICE_LABELS if labels.get(name)), "unknown_service")
    labels.pop("wardlight_kind", None)
    return {"service_name": service, "level": level, **labels, "kind": kind}
