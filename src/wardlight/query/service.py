"""Questions to the log store, within limits: what the protocols above offer, they ask here."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from wardlight.clock import Clock
from wardlight.config import Query
from wardlight.problems import BadInput, Busy
from wardlight.query import evaluate, explore, passes, tree
from wardlight.query.answer import (
    Answer,
    Line,
    MatrixAnswer,
    Result,
    ScalarAnswer,
    Series,
    Stats,
    Stream,
    Streams,
    VectorAnswer,
)
from wardlight.query.discretion import withheld
from wardlight.query.evaluate import Reading
from wardlight.query.host import Entry
from wardlight.query.lex import ParseError
from wardlight.query.matrix import Grid, LabelSet, Matrix, label_set
from wardlight.query.parse import parse, parse_logs, parse_matchers
from wardlight.query.streams import StreamCatalogue, is_audit
from wardlight.records import Sight
from wardlight.store import Limits, LogStore
from wardlight.store.sight import Keys, View

_DAY_NS = 86_400 * 10**9
_KEPT_TAILS = 10_000
_INSTANT_LOGS = "log queries are not supported as an instant query type, please change your query to a range query type"


@dataclass(frozen=True)
class Reader:
    """Who asks, what they see, and the tag by which the engine knows the question, so that it can be cancelled."""

    name: str = ""
    tag: str = ""
    watched: bool = True
    """Somebody whose looks at the audit trail are noted; rules aren't."""
    sight: Sight = field(kw_only=True)
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Range:
    """A question over a time range: start ≤ time < end for lines, both ends for steps; all in nanoseconds."""

    query: str
    start: int
    end: int
    step: int
    limit: int = 100
    forward: bool = False
    interval: int = 0
    categorized: bool = False
    """Keep structured metadata and parsed labels apart from the stream's labels."""


Look = Callable[[Reader, str], None]
"""Told who was shown what of the audit trail, by the query, before it is shown. A problem that it raises is the answer."""


class QueryService:
    """LogQL over one log store."""

    def __init__(
        self,
        store: LogStore,
        settings: Query,
        clock: Clock,
        keys: Callable[[], Keys],
        look: Look = lambda _reader, _query: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self._catalogue = StreamCatalogue(store)
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._look = look
        self._followed: OrderedDict[str, None] = OrderedDict()

    @property
    def settings(self) -> Query:
        """The limits."""
        return self._settings

    def now_ns(self) -> int:
        """The time, for questions about now."""
        return self._clock.now_ns()

    def cancel(self, tag: str) -> None:
        """Stop a question whose asker went away."""
        self._store.cancel(tag)

    def range(self, question: Range, reader: Reader) -> Answer:
        """Answer a query over a time range. Raises ParseError, BadInput, and what the limits say."""
        self._check_span(question.start, question.end)
        began = self._clock.monotonic()
        with self._admitted(reader, question.query):
            parsed = parse(question.query)
            reading = self._reading(reader)
            rewritten = passes.rewritten(parsed)
            if isinstance(rewritten, tree.LogQuery):
                result: Result = self._lines(rewritten, question, reading, reader)
            else:
                _check_approximate(parsed)
                result = self._matrix(rewritten, question, reading)
                self._note_numbers(rewritten, result.series, reading, reader, question.query)
        return Answer(result, Stats(self._clock.monotonic() - began, _entries(result)))

    def instant(self, query: str, at: int, reader: Reader) -> Answer:
        """Answer a metric query at one moment, in nanoseconds."""
        began = self._clock.monotonic()
        with self._admitted(reader, query):
            parsed = parse(query)
            if isinstance(parsed, tree.LogQuery):
                raise BadInput(_INSTANT_LOGS)
            rewritten = passes.rewritten(parsed)
            assert not isinstance(rewritten, tree.LogQuery)  # noqa: S101 -- passes keep what a query is
            self._check_intervals(rewritten)
            reading = self._reading(reader)
            found = evaluate.metric(rewritten, reading, Grid(at, at, 0))
        if not isinstance(found, Matrix):
            return Answer(ScalarAnswer(at, found), Stats(self._clock.monotonic() - began, 1))
        found = found.without_empty()
        self._check_series(len(found.labels))
        series = [Series(labels, [(at, float(found.values[row, 0]))]) for row, labels in enumerate(found.labels)]
        self._note_numbers(rewritten, series, reading, reader, query)
        if not _is_sorted(rewritten):
            series.sort(key=lambda each: each.labels)
        return Answer(VectorAnswer(series), Stats(self._clock.monotonic() - began, len(series)))

    def labels(self, start: int, end: int, query: str, reader: Reader) -> list[str]:
        """Name the labels of the streams in a time range."""
        return sorted({name for labels in self._stream_labels(start, end, [query], reader) for name in labels})

    def label_values(self, name: str, start: int, end: int, query: str, reader: Reader) -> list[str]:
        """List the values of a label in a time range."""
        found = self._stream_labels(start, end, [query], reader)
        return sorted({labels[name] for labels in found if name in labels})

    def series(self, start: int, end: int, selectors: Sequence[str], reader: Reader) -> list[dict[str, str]]:
        """List the streams in a time range that meet one of the selectors."""
        return self._stream_labels(start, end, selectors or [""], reader)

    def detected_labels(self, start: int, end: int, query: str, reader: Reader) -> dict[str, int]:
        """Count the values of each label, without labels that hold only identifiers."""
        values: dict[str, set[str]] = {}
        for labels in self._stream_labels(start, end, [query], reader):
            for name, value in labels.items():
                values.setdefault(name, set()).add(value)
        return {name: len(found) for name, found in sorted(values.items()) if not all(map(explore.is_id, found))}

    def detected_fields(
        self, query: str, start: int, end: int, *, lines: int, reader: Reader
    ) -> dict[str, explore.Field]:
        """Find the fields of the newest lines."""
        self._check_entries(lines)
        with self._admitted(reader, query):
            reading = self._reading(reader)
            fields = explore.fields(_logs(query), reading, start, end, lines=lines)
        if reading.audit and fields:
            self._note(reader, query)
        return fields

    def index_stats(self, query: str, start: int, end: int, reader: Reader) -> explore.IndexStats:
        """Count what a selector means."""
        with self._admitted(reader, query):
            selector = tree.LogQuery(parse_matchers(query, selective=False))
            return explore.index_stats(selector, self._reading(reader), start, end)

    def volume(
        self,
        query: str,
        start: int,
        end: int,
        *,
        step: int = 0,
        limit: int = 100,
        target_labels: Sequence[str] = (),
        by_labels: bool = False,
        reader: Reader,
    ) -> list[Series]:
        """Sum up bytes by labels, the largest first; with a step, over time."""
        self._check_span(start, end)
        with self._admitted(reader, query):
            selector = tree.LogQuery(parse_matchers(query, selective=False))
            found = explore.volume(
                selector, self._reading(reader), start, end, step=step, target_labels=target_labels, by_labels=by_labels
            )
        ordered = sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0]))
        return [
            Series(
                labels, [(start + (at + 1) * step if step else end, float(size)) for at, size in sorted(points.items())]
            )
            for labels, points in ordered[:limit]
        ]

    def patterns(self, query: str, start: int, end: int, step: int, reader: Reader) -> list[explore.PatternCount]:
        """Find the shapes of lines."""
        self._check_span(start, end)
        with self._admitted(reader, query):
            reading = self._reading(reader)
            patterns = explore.patterns(_logs(query), reading, start, end, step)
        if reading.audit and patterns:
            self._note(reader, query)
        return patterns

    def follow(self, query: str, start: int, end: int, limit: int, reader: Reader) -> list[Entry]:
        """List the oldest entries of a time range: one look of a tail."""
        with self._admitted(reader, query):
            found = evaluate.logs(_logs(query), self._reading(reader), start, end, limit=limit, forward=True)
        self._note_followed(found, reader, query)
        return found

    def newest(self, query: str, start: int, end: int, limit: int, reader: Reader) -> list[Entry]:
        """List the newest entries of a time range, the newest first."""
        with self._admitted(reader, query):
            found = evaluate.logs(_logs(query), self._reading(reader), start, end, limit=limit, forward=False)
        self._note_followed(found, reader, query)
        return found

    def check(self, query: str, reader: Reader) -> None:
        """Raise ParseError if a query isn't one for logs."""
        with self._admitted(reader, query):
            parse_logs(query)

    # ---- inside ----

    def _note(self, reader: Reader, query: str) -> None:
        if reader.watched:
            self._look(reader, query)

    def _note_followed(self, found: Sequence[Entry], reader: Reader, query: str) -> None:
        """Note once what a tail shows again and again: the note itself is one of the lines that it follows."""
        if not _shows_audit(found):
            return
        with self._lock:
            if reader.tag in self._followed:
                return
            self._followed[reader.tag] = None
            if len(self._followed) > _KEPT_TAILS:
                self._followed.popitem(last=False)
        self._note(reader, query)

    def _note_numbers(
        self, query: tree.Metric, series: Sequence[Series], reading: Reading, reader: Reader, text: str
    ) -> None:
        """Note numbers that tell more of the audit trail than how many events its streams have."""
        if not reading.audit or not series:
            return
        looks_inside = any(each.range.query.stages for each in tree.ranges(query))
        if looks_inside or any(name not in reading.names for each in series for name, _ in each.labels):
            self._note(reader, text)

    def _check_entries(self, limit: int) -> None:
        most = self._settings.max_entries
        if limit > most:
            raise BadInput(
                f"max entries limit per query exceeded, limit > max_entries ({limit} > {most}, query.max_entries)"
            )

    def _stream_labels(self, start: int, end: int, selectors: Sequence[str], reader: Reader) -> list[dict[str, str]]:
        with self._admitted(reader, *selectors):
            wanted = [parse_matchers(each, selective=False) if each.strip() else () for each in selectors]
            known = self._reading(reader).all_streams(start, end)
        return [
            labels
            for labels in known.labels
            if any(all(m.matches(labels.get(m.name, "")) for m in matchers) for matchers in wanted)
        ]

    def _reading(self, reader: Reader) -> Reading:
        view = View(reader.sight, self._keys())
        return Reading(self._store, self._catalogue, self._limits(), reader.tag, self._clock.now_ns(), view)

    def _limits(self) -> Limits:
        return Limits(
            seconds=self._settings.max_seconds,
            memory_bytes=self._settings.max_memory_bytes,
            read_bytes=self._settings.max_read_bytes,
        )

    @contextmanager
    def _admitted(self, reader: Reader, *queries: str) -> Iterator[None]:
        """Count a reader's running questions, and tell faults discreetly. Raises Busy when there are too many."""
        most = self._settings.max_concurrent
        with self._lock:
            if self._running[reader.name] >= most:
                raise Busy(f"{most} queries of this reader are running already (query.max_concurrent)")
            self._running[reader.name] += 1
        try:
            yield
        except ParseError as error:
            raise error if not reader.sight.masked else error.worded(withheld(str(error), "\n".join(queries))) from None
        finally:
            with self._lock:
                self._running[reader.name] -= 1
                self._running += Counter()

    def _check_span(self, start: int, end: int) -> None:
        if end - start > self._settings.max_range_days * _DAY_NS:
            raise BadInput(
                f"the query time range exceeds the limit: {self._settings.max_range_days} days (query.max_range_days)"
            )

    def _check_intervals(self, query: tree.Metric) -> None:
        for each in tree.ranges(query):
            self._check_span(0, each.range.interval)

    def _check_series(self, count: int) -> None:
        most = self._settings.max_series
        if count > most:
            raise BadInput(
                f"maximum number of series ({most}) reached for a single query (query.max_series); consider reducing"
                " query cardinality by adding more specific stream selectors, reducing the time range, or aggregating"
                " results with functions like sum(), count() or topk()"
            )

    def _lines(self, query: tree.LogQuery, question: Range, reading: Reading, reader: Reader) -> Streams:
        self._check_entries(question.limit)
        found = evaluate.logs(
            query,
            reading,
            question.start,
            question.end,
            limit=question.limit,
            forward=question.forward,
            interval_ns=question.interval,
        )
        if _shows_audit(found):
            self._note(reader, question.query)
        return Streams(streams_of(found, categorized=question.categorized))

    def _matrix(self, query: tree.Metric, question: Range, reading: Reading) -> MatrixAnswer:
        self._check_intervals(query)
        grid = Grid(question.start, question.end, question.step)
        found = evaluate.metric(query, reading, grid)
        moments = grid.moments()
        if not isinstance(found, Matrix):
            return MatrixAnswer([Series((), [(moment, found) for moment in moments])])
        found = found.without_empty()
        self._check_series(len(found.labels))
        series = []
        for row, labels in enumerate(found.labels):
            values, present = found.values[row].tolist(), found.present[row].tolist()
            points = [
                (moment, value) for moment, value, is_there in zip(moments, values, present, strict=True) if is_there
            ]
            series.append(Series(labels, points))
        return MatrixAnswer(sorted(series, key=lambda each: each.labels))


def _logs(query: str) -> tree.LogQuery:
    rewritten = passes.rewritten(parse_logs(query))
    assert isinstance(rewritten, tree.LogQuery)  # noqa: S101 -- passes keep what a query is
    return rewritten


def streams_of(found: Sequence[Entry], *, categorized: bool) -> list[Stream]:
    """Put entries together by their labels; streams in the order of labels, lines in their own."""
    streams: dict[LabelSet, list[Line]] = {}
    for entry in found:
        parsed = dict(entry.parsed)
        if entry.error:
            parsed[tree.ERROR] = entry.error
        if entry.details:
            parsed[tree.ERROR_DETAILS] = entry.details
        labels = entry.base if categorized else {**entry.base, **entry.metadata, **parsed}
        streams.setdefault(label_set(labels), []).append(Line(entry.ts, entry.line, entry.metadata, parsed))
    return [Stream(labels, lines) for labels, lines in sorted(streams.items())]


def _shows_audit(found: Sequence[Entry]) -> bool:
    return any(is_audit(stream) for stream in {entry.stream for entry in found})


def _is_sorted(query: tree.Metric) -> bool:
    """Say whether a query asks for an order by value anywhere."""
    if isinstance(query, tree.VectorAggregation):
        return query.op in ("sort", "sort_desc") or _is_sorted(query.operand)
    if isinstance(query, tree.BinaryOperation):
        return _is_sorted(query.left) or _is_sorted(query.right)
    return isinstance(query, tree.LabelReplace) and _is_sorted(query.operand)


def _check_approximate(query: tree.Query) -> None:
    """Refuse approx_topk over a time range, as Loki does."""

    def check(metric: tree.Metric) -> tree.Metric:
        if isinstance(metric, tree.VectorAggregation) and metric.op == "approx_topk":
            raise BadInput("approx_topk is only supported on instant queries")
        return metric

    passes.map_metric(query, check)


def _entries(result: Result) -> int:
    if isinstance(result, Streams):
        return sum(len(stream.lines) for stream in result.streams)
    return len(result.series) if isinstance(result, MatrixAnswer | VectorAnswer) else 1
