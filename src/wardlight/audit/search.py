"""Questions to the table `audit`: newest first, page by page, within the limits of `settings.query`.

The events' places are found first, by narrow columns alone, then just those events are read. Places are looked for in the
newest month, then in the three before it, and so on, each time four times as far, until the page is full: each part of the
table costs time, and most pages are full soon. Within a month a patient's events lie together by the table's order; those
in which another patient is named first are found by an index of the patients named later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from wardlight.audit.event import Entry, decode
from wardlight.audit.question import AnyOf, Cursor, Question, Span, Token, both
from wardlight.config import Query
from wardlight.problems import NotFound, Unavailable
from wardlight.store import Limits, LogStore
from wardlight.store.params import Param

STREAM_PAGE = 1000
"""Events in memory at once while an export is written."""

_FIRST_NS = 31 * 86_400 * 10**9
"""How far back is looked first."""
_WIDER = 4
_REACH = """
SELECT toUnixTimestamp64Nano(min(recorded)) AS oldest, toUnixTimestamp64Nano(max(recorded)) AS newest, count() AS events
FROM audit
"""

_BREAK_GLASS = (
    "(has(purposes, 'ETREAT') OR has(purposes, 'BTG')"
    " OR arrayExists(x -> endsWith(x, '|110127'), arrayConcat(types, subtypes)))"
)
_DISCLOSURES = (
    "(arrayExists(x -> endsWith(x, '|110106'), types)"
    " OR arrayExists(x -> endsWith(lower(x), '|disclose') OR endsWith(lower(x), '|disclosure'), subtypes))"
)
_IDENTIFIERS = ("user", "agent", "entity", "source", "entity_type", "entity_role")
_LATER = "arraySlice(patients, 2)"
"""As the table's index has it."""
_COLUMNS = {"entity": "entities", "source": "sources", "entity_type": "entity_types", "entity_role": "entity_roles"}


@dataclass(frozen=True)
class Page:
    """Events with their indices in the ledger, newest first, and where the next page begins, if there is one."""

    entries: list[tuple[int, Entry]]
    next: Cursor | None
    complete: bool = True
    """Whether the table had everything that the ledger had when it was asked."""


@dataclass(frozen=True)
class _Place:
    """Where an event stands in the table."""

    recorded: int
    index: int
    patient: str


class Search:
    """Answers questions. `settle` waits until the table has what the ledger had; False when that takes too long."""

    def __init__(self, store: LogStore, settings: Query, settle: Callable[[], bool] = lambda: True) -> None:
        self._store = store
        self._settings = settings
        self._settle = settle

    @property
    def settings(self) -> Query:
        """The limits."""
        return self._settings

    def page(self, question: Question, tag: str = "") -> Page:
        """Answer with one page. Raises TimedOut, TooLarge, Cancelled, Unavailable."""
        complete = self._settle()
        return replace(self._page(question, tag), complete=complete)

    def stream(self, question: Question, tag: str = "") -> Iterator[tuple[int, Entry]]:
        """Answer with everything, a bounded part in memory at a time; `limit` doesn't count.

        Raises Unavailable when that wouldn't be everything, because the table is behind the ledger.
        """
        if not self._settle():
            raise Unavailable("the table of the audit trail is behind the ledger: see the gauges of the projection")
        asked = msgspec.structs.replace(question, limit=STREAM_PAGE)
        while True:
            page = self._page(asked, tag)
            yield from page.entries
            if page.next is None:
                return
            asked = msgspec.structs.replace(asked, after=page.next)

    def count(self, question: Question, tag: str = "") -> int:
        """Count the events."""
        if question.index == ():
            return 0
        sql = _Sql()
        found = " UNION ALL ".join(f"SELECT idx FROM audit WHERE {one}" for one in sql.branches(question))  # noqa: S608  # nosec B608
        rows = self._select(f"SELECT uniqExact(idx) AS events FROM ({found})", sql.params, tag)  # noqa: S608 -- bound  # nosec B608
        return int(rows[0]["events"])

    def one(self, index: int) -> Entry:
        """Return the event that has this index in the ledger. Raises NotFound."""
        found = self.page(Question(index=(index,), limit=1)).entries
        if not found:
            raise NotFound(f"the audit trail has no event {index}")
        return found[0][1]

    def cancel(self, tag: str) -> None:
        """Stop a question whose asker went away."""
        self._store.cancel(tag)

    def _page(self, question: Question, tag: str) -> Page:
        limit = min(question.limit, self._settings.max_entries)
        if question.index == () or limit < 1:
            return Page([], None)
        places = self._places(question, limit + 1, tag)
        more, places = len(places) > limit, places[:limit]
        entries = self._entries(places, tag)
        distinct = dict.fromkeys(place.index for place in places)
        last = Cursor(places[-1].recorded, places[-1].index) if more else None
        return Page([(index, entries[index]) for index in distinct if index in entries], last)

    def _places(self, question: Question, limit: int, tag: str) -> list[_Place]:
        """Find where the newest events are; one that was written twice may be there twice."""
        found: list[_Place] = []
        for spans in self._newest_first(question, tag):
            rows = self._select(*places_sql(msgspec.structs.replace(question, recorded=spans), limit - len(found)), tag)
            found += [_Place(int(row["at"]), int(row["idx"]), str(row["patient"])) for row in rows]
            if len(found) == limit:
                break
        return found

    def _newest_first(self, question: Question, tag: str) -> Iterator[tuple[Span, ...] | None]:
        """Name the times to look at, one after the other: together they are those that are asked for."""
        if question.index is not None:
            # Where these are isn't a question of time.
            yield question.recorded
            return
        (reach,) = self._select(_REACH, {}, tag)
        spans = both(
            question.recorded, [Span(int(reach["oldest"]), int(reach["newest"]) + 1)] if reach["events"] else []
        )
        if question.after is not None:
            spans = both(spans, [Span(0, question.after.recorded + 1)])
        if spans:
            oldest, newest = min(span.start for span in spans), max(span.end for span in spans)
            yield from filter(None, (both(spans, [part]) for part in parts(oldest, newest)))

    def _entries(self, places: Sequence[_Place], tag: str) -> dict[int, Entry]:
        if not places:
            return {}
        moments = [place.recorded for place in places]
        params: dict[str, Param] = {
            "patients": sorted({place.patient for place in places}),
            "indices": sorted({place.index for place in places}),
            "first": min(moments),
            "last": max(moments),
        }
        sql = (
            "SELECT idx, entry FROM audit WHERE patient IN {patients:Array(String)}"
            " AND recorded >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')"
            " AND recorded <= fromUnixTimestamp64Nano({last:Int64}, 'UTC') AND idx IN {indices:Array(UInt64)}"
        )
        return {int(row["idx"]): decode(_bytes(row["entry"])) for row in self._select(sql, params, tag)}

    def _select(self, sql: str, params: Mapping[str, Param], tag: str) -> list[dict[str, Any]]:
        limits = Limits(
            seconds=self._settings.max_seconds,
            memory_bytes=self._settings.max_memory_bytes,
            read_bytes=self._settings.max_read_bytes,
        )
        rows: list[dict[str, Any]] = self._store.select(sql, params, limits=limits, tag=tag).to_pylist()
        return rows


def parts(oldest: int, newest: int) -> Iterator[Span]:
    """Part the time from `oldest` to before `newest`, the newest and shortest part first.

    >>> month = 31 * 86_400 * 10**9
    >>> [(part.start // month, part.end // month) for part in parts(0, 30 * month)]
    [(29, 30), (25, 29), (9, 25), (0, 9)]
    """
    width = _FIRST_NS
    while newest > oldest:
        start = max(oldest, newest - width)
        yield Span(start, newest)
        newest, width = start, width * _WIDER


def places_sql(question: Question, limit: int) -> tuple[str, dict[str, Param]]:
    """Write the query that finds the newest places, with its parameters."""
    sql = _Sql()
    order = f"ORDER BY recorded DESC, idx DESC LIMIT {limit:d}"
    branches = [
        f"SELECT recorded, idx, patient FROM audit WHERE {where} {order}"  # noqa: S608 -- bound  # nosec B608
        for where in sql.branches(question)
    ]
    found = " UNION ALL ".join(f"SELECT * FROM ({branch})" for branch in branches)  # noqa: S608 -- bound  # nosec B608
    return f"SELECT toUnixTimestamp64Nano(recorded) AS at, idx, patient FROM ({found}) {order}", sql.params  # noqa: S608  # nosec B608


class _Sql:
    """Conditions, and the values bound to them."""

    def __init__(self) -> None:
        self.params: dict[str, Param] = {}

    def branches(self, question: Question) -> list[str]:
        """Write the conditions: one set of them, or two that share no event, where a patient is asked for."""
        common = list(self._conditions(question))
        if not question.patient:
            return [" AND ".join(common) or "1"]
        first, *others = question.patient
        common += [self._any(map(self._patient, anyof)) for anyof in others]
        named = [token.value for token in first]
        # The order of the table serves one name best.
        is_, bound = ("=", self._bound(named[0])) if len(named) == 1 else ("IN", self._bound(named, "Array(String)"))
        apart = f"NOT patient {is_} {bound}"
        if any(token.system for token in first):
            common.append(self._any(map(self._patient, first)))
        later = self._any(f"has({_LATER}, {self._bound(name)})" for name in named)
        return [" AND ".join([f"patient {is_} {bound}", *common]), " AND ".join([later, apart, *common])]

    def _conditions(self, question: Question) -> Iterator[str]:
        for name in _IDENTIFIERS:
            column = _COLUMNS.get(name, f"{name}s")
            yield from (self._any(self._identifier(column, t) for t in anyof) for anyof in getattr(question, name))
        # Every user is among the agents, whose index serves both.
        yield from (self._any(f"has(agents, {self._bound(t.value)})" for t in anyof) for anyof in question.user)
        for name in ("type", "subtype"):
            yield from (self._any(self._code(f"{name}s", t) for t in anyof) for anyof in getattr(question, name))
        yield from (self._any(f"has(purposes, {self._bound(t.value)})" for t in anyof) for anyof in question.purpose)
        for name in ("action", "outcome"):
            yield from (f"{name} IN {self._values(anyof)}" for anyof in getattr(question, name))
        yield from (self._any(self._begins(t.value) for t in anyof) for anyof in question.address)
        yield from self._record(question)
        if question.break_glass:
            yield _BREAK_GLASS
        if question.disclosures:
            yield _DISCLOSURES
        for name in ("recorded", "received"):
            spans = getattr(question, name)
            if spans is not None:
                yield self._any(self._within(name, span) for span in spans)
        if question.index is not None:
            known = [index for index in question.index if 0 <= index < 2**64]  # others can't be asked for, nor be there
            yield f"idx IN {self._bound(known, 'Array(UInt64)')}"
        if question.after is not None:
            yield self._older(question.after)

    def _patient(self, token: Token) -> str:
        """Compare with whose record it is; what assigned the identifier stands with the entities only."""
        named = f"has(patients, {self._bound(token.value)})"
        return f"({named} AND {self._identifier('entities', token)})" if token.system else named

    def _identifier(self, column: str, token: Token) -> str:
        """Compare with a column that has `system|value`, where there is a system, and always the value alone."""
        if token.system and token.value:
            return f"has({column}, {self._bound(f'{token.system}|{token.value}')})"
        if token.system:
            return f"arrayExists(x -> startsWith(x, {self._bound(f'{token.system}|')}), {column})"
        bare = f"has({column}, {self._bound(token.value)})"
        if token.system is None:
            return bare
        return f"({bare} AND NOT arrayExists(x -> endsWith(x, {self._bound(f'|{token.value}')}), {column}))"

    def _code(self, column: str, token: Token) -> str:
        """Compare with a column that has `system|code`, also where the system is empty."""
        if token.system is None:
            return f"arrayExists(x -> endsWith(x, {self._bound(f'|{token.value}')}), {column})"
        if token.value:
            return f"has({column}, {self._bound(f'{token.system}|{token.value}')})"
        return f"arrayExists(x -> startsWith(x, {self._bound(f'{token.system}|')}), {column})"

    def _begins(self, value: str) -> str:
        return f"arrayExists(x -> startsWith(lowerUTF8(x), lowerUTF8({self._bound(value)})), addresses)"

    def _record(self, question: Question) -> Iterator[str]:
        """Ask for a record: it is the one acted on, or a reference among the event's entities."""
        if not question.record:
            if question.resource:
                yield f"resource = {self._bound(question.resource)}"
            return
        record = self._bound(question.record)
        yield f"has(entities, {record})"
        if question.resource:
            kind, written = self._bound(question.resource), f"{question.resource}/{question.record}"
            ends, past = self._bound(f"/{written}"), self._bound(f"{written}/_history/")
            reference = f"x = {self._bound(written)} OR endsWith(x, {ends}) OR position(x, {past}) > 0"
            yield f"((resource = {kind} AND record = {record}) OR arrayExists(x -> {reference}, entities))"

    def _within(self, column: str, span: Span) -> str:
        return f"({column} >= {self._moment(span.start)} AND {column} < {self._moment(span.end)})"

    def _older(self, cursor: Cursor) -> str:
        at, index = self._moment(cursor.recorded), self._bound(cursor.index, "UInt64")
        return f"(recorded <= {at} AND (recorded < {at} OR idx < {index}))"

    def _values(self, anyof: AnyOf) -> str:
        return self._bound([token.value for token in anyof], "Array(String)")

    def _moment(self, ns: int) -> str:
        return f"fromUnixTimestamp64Nano({self._bound(ns, 'Int64')}, 'UTC')"

    def _any(self, conditions: Iterable[str]) -> str:
        return f"({' OR '.join(conditions) or '0'})"

    def _bound(self, value: Param, kind: str = "String") -> str:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"{{{name}:{kind}}}"


def _bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()
