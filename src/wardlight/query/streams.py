"""Which streams there are: every record names its stream, and a query's matchers are decided on the few distinct ones.

What a part of the store holds never changes, so each part is asked once for its streams; a question about a time range
costs one look at the list of parts. What is told is thereby a little more than asked: the streams of all parts that
touch the range.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import pyarrow as pa

from wardlight.query.sql import Binder
from wardlight.query.tree import Matcher
from wardlight.records import labels_of
from wardlight.store import Limits, LogStore

_PARTS = (
    "SELECT name, partition, toUnixTimestamp(min_time) AS first, toUnixTimestamp(max_time) AS last FROM system.parts"
    " WHERE active AND rows > 0 AND database = currentDatabase() AND table = 'logs'"
)
_TRIES = 5


@lru_cache(maxsize=100_000)
def labels(stream: str) -> dict[str, str]:
    """Read a stream's labels, not to be changed."""
    return labels_of(stream)


def is_audit(stream: str) -> bool:
    """Whether a stream may have records of the audit trail; one without a label `kind` may."""
    return labels(stream).get("kind", "audit") == "audit"


@dataclass(frozen=True)
class Streams:
    """Some distinct streams, and what they have in common."""

    names: tuple[str, ...]
    """As they are seen, sorted."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """How those are stored that are seen with pseudonyms."""
    kinds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The kinds of the records in each."""

    @property
    def stored(self) -> tuple[str, ...]:
        """Name them as they are stored."""
        return tuple(self.hidden.get(name, name) for name in self.names) if self.hidden else self.names

    @cached_property
    def all_kinds(self) -> frozenset[str]:
        """The kinds of all records in them."""
        return frozenset().union(*(self.kinds.get(name, frozenset()) for name in self.names))

    @cached_property
    def labels(self) -> list[dict[str, str]]:
        """Each stream's labels, in the order of `names`; not to be changed."""
        return [labels(name) for name in self.names]

    @cached_property
    def somewhere(self) -> frozenset[str]:
        """Label names that at least one stream has."""
        return frozenset(name for labels in self.labels for name in labels)

    @cached_property
    def everywhere(self) -> frozenset[str]:
        """Label names that all streams have."""
        return frozenset(name for name in self.somewhere if all(name in labels for labels in self.labels))

    def matching(self, matchers: Sequence[Matcher]) -> Streams:
        """Keep the streams that meet all matchers."""
        return replace(
            self,
            names=tuple(
                name
                for name, labels in zip(self.names, self.labels, strict=True)
                if all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)
            ),
        )


class StreamCatalogue:
    """The streams of every part of the store, remembered. A part has records of one kind."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, frozenset[str]] = {}

    def between(
        self, start_ns: int, end_ns: int, kinds: Collection[str], *, limits: Limits = Limits(), tag: str = ""
    ) -> Streams:
        """Name the streams of parts of some kinds that touch a time range, sorted."""
        if self._store.where.cluster:
            # The same name means another part on each shard.
            return self._scan(start_ns, end_ns, kinds, limits, tag)
        touching = self._touching(start_ns, end_ns, limits, tag)
        for _ in range(_TRIES):
            new = [name for name in touching if name not in self._known]
            if not new:
                known = self._known
                found = ((kind, stream) for name, kind in touching.items() for stream in known.get(name, ()))
                return _streams(found, kinds)
            binder = Binder()
            sql = f"SELECT DISTINCT kind, stream FROM logs WHERE _part IN {binder.texts(new)}"  # noqa: S608 -- bound  # nosec B608
            streams = self._store.select(sql, binder.params, limits=limits, tag=tag)
            # Only of a part that is still there do we know that it was read: another may have been merged away before.
            active = self._touching(start_ns, end_ns, limits, tag)
            self._learn({name: touching[name] for name in new if name in active}, _rows(streams))
            touching = active
        return self._scan(start_ns, end_ns, kinds, limits, tag)

    def _touching(self, start_ns: int, end_ns: int, limits: Limits, tag: str) -> dict[str, str]:
        """Name the active parts that touch a time range, and the kind of each; forget those that are gone."""
        parts = self._store.select(_PARTS, limits=limits, tag=tag).to_pylist()
        with self._lock:
            active = {part["name"] for part in parts}
            if not active.issuperset(self._known):
                self._known = {name: streams for name, streams in self._known.items() if name in active}
        return {
            part["name"]: part["partition"].split("'")[1]
            for part in parts
            if part["first"] * 1_000_000_000 <= end_ns and (part["last"] + 1) * 1_000_000_000 > start_ns
        }

    def _learn(self, parts: Mapping[str, str], found: Collection[tuple[str, str]]) -> None:
        """Note the streams of parts that were read together."""
        streams = {kind: frozenset(stream for of, stream in found if of == kind) for kind in set(parts.values())}
        with self._lock:
            self._known = {**self._known, **{name: streams[kind] for name, kind in parts.items()}}

    def _scan(self, start_ns: int, end_ns: int, kinds: Collection[str], limits: Limits, tag: str) -> Streams:
        """Read the streams themselves: for a store whose parts change faster than we look."""
        binder = Binder()
        sql = (
            "SELECT DISTINCT kind, stream FROM logs WHERE"  # noqa: S608  # nosec B608
            f" ts >= {binder.moment(start_ns)} AND ts <= {binder.moment(end_ns)}"
        )
        return _streams(_rows(self._store.select(sql, binder.params, limits=limits, tag=tag)), kinds)


def _rows(found: pa.Table) -> list[tuple[str, str]]:
    return list(zip(found["kind"].to_pylist(), found["stream"].to_pylist(), strict=True))


def _streams(found: Iterable[tuple[str, str]], kinds: Collection[str]) -> Streams:
    """Put kinds and streams together."""
    of: dict[str, set[str]] = {}
    for kind, stream in found:
        if kind in kinds:
            of.setdefault(stream, set()).add(kind)
    return Streams(tuple(sorted(of)), kinds={stream: frozenset(each) for stream, each in of.items()})
