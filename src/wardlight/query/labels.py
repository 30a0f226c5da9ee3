"""What is known of a row's labels after some stages, as layers of SQL: a name is looked up from the top down.

A label is in one of three categories: the stream's, structured metadata, or parsed. A name that a lower layer already
has gets `_extracted` appended; what `label_format` sets replaces. An absent label is NULL, an empty one ''.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wardlight.query.sql import EMPTY_MAP, Binder, all_of, any_of
from wardlight.query.streams import Streams
from wardlight.records import COLUMN_ATTRIBUTES

EXTRACTED = "_extracted"
ABSENT = "NULL"

_NO_TRACE, _NO_SPAN = "toFixedString('', 16)", "toFixedString('', 8)"
_COLUMN_METADATA = {
    "trace_id": f"if(trace_id = {_NO_TRACE}, NULL, lower(hex(trace_id)))",
    "span_id": f"if(span_id = {_NO_SPAN}, NULL, lower(hex(span_id)))",
    **{label: f"nullIf({column}, '')" for label, column in COLUMN_ATTRIBUTES.items()},
    "severity_number": "if(severity = 0, NULL, toString(severity))",
}
"""Structured metadata that is kept in columns: label name to a Nullable(String)."""

METADATA_COLUMNS = ("attributes", "trace_id", "span_id", *COLUMN_ATTRIBUTES.values(), "severity")


@dataclass(frozen=True)
class Maps:
    """A row's labels by category, each an SQL Map(String, String)."""

    stream: str = EMPTY_MAP
    metadata: str = EMPTY_MAP
    parsed: str = EMPTY_MAP

    def filtered(self, condition: str) -> Maps:
        """Keep entries that meet a condition on `k` and `v`."""
        return Maps(
            *(f"mapFilter((k, v) -> {condition}, {each})" for each in (self.stream, self.metadata, self.parsed))
        )


class Layer(Protocol):
    """One step in the life of a row's labels. Its conditions and values are columns, so that no lookup grows twice."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of a row that this layer reads."""
        ...

    def get(self, name: str, below: Labels, binder: Binder) -> str:
        """Write a label's value as Nullable(String)."""
        ...

    def maps(self, below: Labels, binder: Binder) -> Maps:
        """Write all labels."""
        ...


@dataclass(frozen=True)
class Labels:
    """Layers, the lowest first."""

    streams: Streams
    layers: tuple[Layer, ...]
    static: bool = True
    """Whether nothing but the stream and its metadata has said anything yet."""

    def over(self, *layers: Layer) -> Labels:
        """Put layers on top."""
        return Labels(self.streams, (*self.layers, *layers), static=False)

    def get(self, name: str, binder: Binder) -> str:
        """Write a label's value as Nullable(String); NULL when absent."""
        if not self.layers:
            return ABSENT
        return self.layers[-1].get(name, self._below, binder)

    def text(self, name: str, binder: Binder) -> str:
        """Write a label's value as String; empty when absent."""
        value = self.get(name, binder)
        return "''" if value == ABSENT else f"ifNull({value}, '')"

    def maps(self, binder: Binder) -> Maps:
        """Write all labels by category."""
        if not self.layers:
            return Maps()
        return self.layers[-1].maps(self._below, binder)

    def all(self, binder: Binder) -> str:
        """Write all labels as one sorted Map(String, String): equal sets are equal maps."""
        maps = self.shown(binder)
        return f"mapSort(mapConcat({maps.stream}, {maps.metadata}, {maps.parsed}))"

    def shown(self, binder: Binder) -> Maps:
        """Write all labels by category, without those that a higher category hides."""
        maps = self.maps(binder)
        if self.static:
            return maps
        hidden = f"NOT mapContains({maps.parsed}, k)"
        return Maps(
            f"mapFilter((k, v) -> {hidden} AND NOT mapContains({maps.metadata}, k), {maps.stream})",
            f"mapFilter((k, v) -> {hidden}, {maps.metadata})",
            maps.parsed,
        )

    @property
    def columns(self) -> list[str]:
        """Name the columns that together decide on all labels."""
        return list(dict.fromkeys(column for layer in self.layers for column in layer.columns))

    @property
    def _below(self) -> Labels:
        return Labels(self.streams, self.layers[:-1], self.static)


@dataclass(frozen=True)
class StreamLayer:
    """The stream's own labels: a lookup in the few streams there are."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what is read."""
        return ("stream",)

    def get(self, name: str, below: Labels, binder: Binder) -> str:
        """Translate the stream to the label's value."""
        streams = below.streams
        if name not in streams.somewhere:
            return ABSENT
        values = [labels.get(name, "") for labels in streams.labels]
        if len(set(values)) == 1:
            return binder.text(values[0])
        return f"nullIf(transform(stream, {binder.texts(streams.names)}, {binder.texts(values)}, ''), '')"

    def maps(self, below: Labels, binder: Binder) -> Maps:  # noqa: ARG002
        """Read the stream's JSON."""
        return Maps(stream="JSONExtract(CAST(stream, 'String'), 'Map(String, String)')")


@dataclass(frozen=True)
class MetadataLayer:
    """Structured metadata: the map of attributes, and those that have columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what is read."""
        return METADATA_COLUMNS

    def get(self, name: str, below: Labels, binder: Binder) -> str:
        """Look into the metadata unless the stream has the name."""
        streams = below.streams
        if name in streams.everywhere:
            return below.get(name, binder)
        own = self._own(name, binder)
        bare = name.removesuffix(EXTRACTED)
        if bare != name and bare in streams.somewhere:
            loser = self._own(bare, binder)
            if bare not in streams.everywhere:
                loser = f"if(isNull({below.get(bare, binder)}), NULL, {loser})"
            own = f"coalesce({own}, {loser})"
        return own if name not in streams.somewhere else f"coalesce({below.get(name, binder)}, {own})"

    def maps(self, below: Labels, binder: Binder) -> Maps:
        """Gather attributes and columns; a name that the stream has gets `_extracted`."""
        columns = ", ".join(
            f"if(isNull({value}), {EMPTY_MAP}, map({binder.text(name)}, assumeNotNull({value})))"
            for name, value in _COLUMN_METADATA.items()
        )
        metadata = f"mapConcat(CAST(attributes, 'Map(String, String)'), {columns})"
        stream = below.maps(binder).stream
        taken = f"if(has({stream_names(below.streams, binder)}, k), concat(k, '{EXTRACTED}'), k)"
        return Maps(stream=stream, metadata=f"mapSort(mapApply((k, v) -> ({taken}, v), {metadata}))")

    def _own(self, name: str, binder: Binder) -> str:
        if name in _COLUMN_METADATA:
            return _COLUMN_METADATA[name]
        key = binder.text(name)
        return f"if(mapContains(attributes, {key}), attributes[{key}], NULL)"


def stream_names(streams: Streams, binder: Binder) -> str:
    """Write the names of a row's stream labels as Array(String)."""
    if streams.somewhere == streams.everywhere:
        return binder.texts(sorted(streams.somewhere))
    return "JSONExtractKeys(CAST(stream, 'String'))"


def taken(names: Sequence[str], labels: Labels, binder: Binder) -> str:
    """Write which of some names are in use by the stream or its metadata, as Array(String); only before any change."""
    streams = labels.streams
    parts = []
    for name in names:
        key = binder.text(name)
        if name in streams.everywhere:
            parts.append(f"[{key}]")
            continue
        there = (
            f"isNotNull({_COLUMN_METADATA[name]})" if name in _COLUMN_METADATA else f"mapContains(attributes, {key})"
        )
        if name in streams.somewhere:
            there = f"{there} OR isNotNull({StreamLayer().get(name, labels, binder)})"
        parts.append(f"if({there}, [{key}], [])")
    return f"arrayConcat({', '.join(parts)})" if parts else "CAST([], 'Array(String)')"


def metadata_names(labels: Labels, binder: Binder) -> str:
    """Write the names of a row's structured metadata as Array(String), wherever they stand now."""
    if not labels.static:
        return f"mapKeys({labels.maps(binder).metadata})"
    columns = ", ".join(f"if(isNull({value}), [], [{binder.text(name)}])" for name, value in _COLUMN_METADATA.items())
    return f"arrayConcat(CAST(mapKeys(attributes), 'Array(String)'), {columns})"


@dataclass(frozen=True)
class MapsLayer:
    """Labels that came back from outside the engine: three columns of maps."""

    stream: str
    metadata: str
    parsed: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what is read."""
        return (self.stream, self.metadata, self.parsed)

    def get(self, name: str, below: Labels, binder: Binder) -> str:  # noqa: ARG002
        """Look into the maps, the highest category first."""
        key = binder.text(name)
        found = ", ".join(
            f"if(mapContains({each}, {key}), {each}[{key}], NULL)" for each in (self.parsed, self.metadata, self.stream)
        )
        return f"coalesce({found})"

    def maps(self, below: Labels, binder: Binder) -> Maps:  # noqa: ARG002
        """Name the columns."""
        return Maps(self.stream, self.metadata, self.parsed)


@dataclass(frozen=True)
class ParsedLayer:
    """What a parser found: a column of Map(String, String) without names that were taken."""

    found: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what is read."""
        return (self.found,)

    def get(self, name: str, below: Labels, binder: Binder) -> str:
        """Look into what was found, then below."""
        key, lower = binder.text(name), below.get(name, binder)
        return f"if(mapContains({self.found}, {key}), {self.found}[{key}], {lower})"

    def maps(self, below: Labels, binder: Binder) -> Maps:
        """Add what was found to the parsed labels."""
        maps = below.maps(binder)
        return Maps(maps.stream, maps.metadata, f"mapConcat({maps.parsed}, {self.found})")


@dataclass(frozen=True)
class SetLayer:
    """One label is set, unless the value (a column of Nullable(String)) is NULL."""

    name: str
    value: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what is read."""
        return (self.value,)

    def get(self, name: str, below: Labels, binder: Binder) -> str:
        """Give the value for this name."""
        lower = below.get(name, binder)
        if name != self.name:
            return lower
        return self.value if lower == ABSENT else f"coalesce({self.value}, {lower})"

    def maps(self, below: Labels, binder: Binder) -> Maps:
        """Take the name out of all categories and add it to the parsed labels."""
        maps = below.maps(binder)
        key = binder.text(self.name)
        added = f"if(isNull({self.value}), {EMPTY_MAP}, map({key}, assumeNotNull({self.value})))"
        cleared = f"mapFilter((k, v) -> isNull({self.value}) OR k != {key}, {maps.metadata})"
        return Maps(maps.stream, cleared, f"mapUpdate({maps.parsed}, {added})")


@dataclass(frozen=True)
class DropLayer:
    """One label is dropped; with a condition only where that holds."""

    name: str
    condition: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what is read."""
        return (self.condition,) if self.condition else ()

    def get(self, name: str, below: Labels, binder: Binder) -> str:
        """Hide this name."""
        if name != self.name:
            return below.get(name, binder)
        return f"if({self.condition}, NULL, {below.get(name, binder)})" if self.condition else ABSENT

    def maps(self, below: Labels, binder: Binder) -> Maps:
        """Filter this name out."""
        condition = f"k != {binder.text(self.name)}"
        return below.maps(binder).filtered(f"NOT ({self.condition}) OR {condition}" if self.condition else condition)


@dataclass(frozen=True)
class KeepLayer:
    """Only some labels stay: (name, condition), an empty condition always holds."""

    kept: Sequence[tuple[str, str]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Name what is read."""
        return tuple(condition for _, condition in self.kept if condition)

    def get(self, name: str, below: Labels, binder: Binder) -> str:
        """Hide all other names."""
        conditions = [condition for kept, condition in self.kept if kept == name]
        if not conditions:
            return ABSENT
        value = below.get(name, binder)
        return value if "" in conditions or value == ABSENT else f"if({any_of(conditions)}, {value}, NULL)"

    def maps(self, below: Labels, binder: Binder) -> Maps:
        """Filter all other names out."""
        conditions = [
            all_of([f"k = {binder.text(name)}", *([condition] if condition else [])]) for name, condition in self.kept
        ]
        return below.maps(binder).filtered(any_of(conditions))
