"""The console's page of the logs: a question in LogQL, its histogram and lines; one line with those around it.

It works without JavaScript; with it, lines are loaded while one scrolls, and followed as they come. Every line is
written here, in `log_rows.html`, whichever way it comes to the page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from wardlight.access.principal import principal
from wardlight.clock import moment
from wardlight.console import forms, live
from wardlight.console.asking import Asking, or_away, selector
from wardlight.console.bars import Bars, bars
from wardlight.console.download import download
from wardlight.console.follow import follow
from wardlight.console.forms import HEADERS
from wardlight.console.lines import (
    Details,
    Row,
    chosen,
    details,
    in_stream,
    narrowed,
    parameters,
    row,
    wrong_at,
)
from wardlight.console.pages import environment
from wardlight.console.saved import SavedQueries
from wardlight.console.snapshot import Away
from wardlight.console.spans import NAMES, SECOND, Span, instant, span, written
from wardlight.problems import BadInput, Problem
from wardlight.query import QueryService, tree
from wardlight.query.answer import Series
from wardlight.query.format import one_line
from wardlight.query.host import Entry
from wardlight.query.lex import ParseError
from wardlight.query.parse import parse

PAGE = 80
"""Lines of a page; more are loaded on demand."""
MORE = 400
"""Lines that are loaded at once."""
SCROLLED = 5000
"""Lines that a page is scrolled through with JavaScript."""
AROUND = 10
"""Lines before and after one."""
_BARS = 60
_CURVES = 50
_CHIPS = (("kind", 4), ("level", 8), ("service_name", 12))
_SAME_MOMENT = 100
_HEAVIEST = 1500
"""Bytes of a line in a list, about, on average."""
_FAR = (3600 * SECOND, 30 * 86_400 * SECOND)
"""How far the lines around one are looked for, at first and then."""
_Id = Annotated[int, Path(ge=1, lt=2**63)]


@dataclass(frozen=True)
class LogDesk:
    """What the pages need."""

    queries: QueryService
    saved: SavedQueries


@dataclass
class _Page:
    """What is asked, and what was found."""

    query: str
    span: Span
    parsed: tree.Query | None = None
    problem: Problem | None = None
    wrong: tuple[str, str, str] | None = None
    rows: list[Row] | None = None
    more: str = ""
    bars: Bars | Away | None = None
    curves: list[Series] | None = None
    chips: list[tuple[str, list[tuple[str, str, bool]]]] | None = None

    @property
    def asked(self) -> str:
        """The parameters that ask for it again."""
        return urlencode({"query": self.query, **self.span.asked})


def router(desk: LogDesk) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(include_in_schema=False)
    templates = environment()
    pages = _Answers(desk)

    def shown(request: Request, problem: Problem | None = None) -> HTMLResponse:
        found = pages.page(request, problem)
        text = templates.get_template("logs_page.html").render(
            it=found, spans=NAMES, mine=principal(request).name, saved=desk.saved.seen_by(principal(request).name),
            scrolled=SCROLLED, now=moment(desk.queries.now_ns()),
        )  # fmt: skip
        return HTMLResponse(text, found.problem.status if found.problem else 200, HEADERS)

    @routes.get("/logs")
    def page(request: Request) -> HTMLResponse:
        return shown(request)

    @routes.get("/logs/more")
    def more(request: Request) -> HTMLResponse:
        rows, further = pages.older(Asking(desk.queries, request), request.query_params, MORE)
        return HTMLResponse(templates.get_template("log_rows.html").render(rows=rows, more=further), headers=HEADERS)

    @routes.get("/logs/line")
    def line(request: Request, part: str = "") -> HTMLResponse:
        found = pages.line(Asking(desk.queries, request), request.query_params, around=not part)
        template = templates.get_template("log_details.html" if part else "log_line.html")
        return HTMLResponse(template.render(found, now=moment(desk.queries.now_ns())), headers=HEADERS)

    @routes.get("/logs/tail")
    async def tail(request: Request) -> Response:
        given = request.query_params
        _log_query(given.get("query", ""))
        since = _number(request.headers.get("last-event-id") or given.get("since", ""))
        return live.told(_tailed(desk.queries, request, given["query"], since), HEADERS)

    @routes.get("/logs/download")
    def file(request: Request) -> Response:
        given = request.query_params
        asked = span(given, desk.queries.now_ns())
        most = desk.queries.settings.max_entries
        query = given.get("query", "")
        _log_query(query)
        found = Asking(desk.queries, request).lines(query, asked.start, asked.end, most)
        return download(found, given.get("format", ""), HEADERS)

    @routes.post("/logs/saved")
    async def keep(request: Request) -> Response:
        form = await forms.read(request)
        query, who = form.get("query", ""), principal(request).name
        try:
            await run_in_threadpool(
                desk.saved.keep, form.get("name", ""), query, who, shared=form.get("shared") == "true"
            )
        except Problem as problem:
            return await run_in_threadpool(shown, request, problem)
        return forms.leads(parameters(query, {"since": "1h"}))

    @routes.post("/logs/saved/{query_id}/delete")
    async def drop(request: Request, query_id: _Id) -> Response:
        await forms.read(request)
        await run_in_threadpool(desk.saved.drop, query_id, principal(request).name)
        return forms.leads("/logs")

    return routes


async def _tailed(queries: QueryService, request: Request, query: str, since: int) -> AsyncIterator[live.Event]:
    """Tell new lines as rows, the newest first; or the problem, and no more."""
    template = environment().get_template("log_rows.html")
    asking = Asking(queries, request)
    since = since or queries.now_ns()
    try:
        async for fresh in follow(request, queries, asking, query, since):
            since = max([since, *(entry.ts + 1 for entry in fresh)])
            rows = [row(entry) for entry in reversed(fresh)]
            yield live.Event(template.render(rows=rows, more=""), id=str(since)) if rows else live.STILL
    except Problem as problem:
        yield live.Event(str(problem), "problem")


class _Answers:
    """Asks for what the pages show."""

    def __init__(self, desk: LogDesk) -> None:
        self._queries = desk.queries

    def page(self, request: Request, problem: Problem | None = None) -> _Page:
        """Answer the question of the page."""
        given, asking = request.query_params, Asking(self._queries, request)
        kinds = sorted(asking.who.sight.kinds - {"audit"}) or sorted(asking.who.sight.kinds)
        query = given.get("query", "").strip() or selector(kinds)
        now = self._queries.now_ns()
        found = _Page(query, span({}, now), problem=problem)
        try:
            found.span = span(given, now)
            found.parsed = parse(query)
            if isinstance(found.parsed, tree.LogQuery):
                found.chips = self._chips(asking, found)
                found.rows, found.more = self.older(asking, {**given, "query": query})
                found.bars = or_away(lambda: self._bars(asking, found))
            else:
                found.curves = asking.curves(query, found.span, found.span.step(_BARS))[:_CURVES]
        except ParseError as error:
            found.problem, found.wrong = error, wrong_at(query, error) if error.line else None
        except Problem as error:
            found.problem = error
        return found

    def older(self, asking: Asking, given: Mapping[str, str], most: int = PAGE) -> tuple[list[Row], str]:
        """List lines from the newest of a span on, and say how to ask for more.

        Many lines may be of one moment: `skip` is how many of the span's last moment were shown already.
        """
        asked, query = span(given, self._queries.now_ns()), given.get("query", "")
        _log_query(query)
        skip = _number(given.get("skip", ""))
        found = self._ordered(asking, query, asked, skip, most)
        rows = [row(entry) for entry in found]
        weights = accumulate(it.weight for it in rows)
        rows = [it for it, weight in zip(rows, weights, strict=True) if weight < most * _HEAVIEST] or rows[:1]
        if len(rows) == len(found) < most:
            return rows, ""
        last = rows[-1].ts
        same = sum(it.ts == last for it in rows) + (skip if last == asked.end - 1 else 0)
        wish = {"query": query, "start": written(asked.start), "end": str(last + 1), "skip": same}
        return rows, f"/logs/more?{urlencode(wish)}"

    def _ordered(self, asking: Asking, query: str, asked: Span, skip: int, most: int) -> list[Entry]:
        """List at most so many lines in an order that doesn't depend on where a page ends."""

        def moment_of(at: int) -> list[Entry]:
            found = asking.lines(query, at, at + 1, self._queries.settings.max_entries)
            return sorted(found, key=lambda it: (it.stream, it.seq, it.line), reverse=True)

        before = asked.end - 1 if skip else asked.end
        found = moment_of(before)[skip:] if skip else []
        if (lacking := most - len(found)) > 0:
            older = asking.lines(query, asked.start, before, lacking)
            if len(older) == lacking:
                last = older[-1].ts
                older = [it for it in older if it.ts > last] + moment_of(last)
            found += older
        return found[:most]

    def line(self, asking: Asking, given: Mapping[str, str], *, around: bool) -> dict[str, object]:
        """Find a line's details, and on demand the lines around it in its stream."""
        at, stream = instant(given.get("at", ""), "the line's time"), given.get("stream", "")
        query = given.get("query", "")
        here = in_stream(stream, parse(query) if query else None)
        found = [details(it) for it in asking.lines(here, at, at + 1, _SAME_MOMENT)]
        return {
            "found": found,
            "at": moment(at),
            "logs": parameters(in_stream(stream), {"start": written(at - 60 * SECOND), "end": written(at + 60 * SECOND)}),
            "rows": self._around(asking, in_stream(stream), at, found) if around else [],
        }  # fmt: skip

    def _around(self, asking: Asking, stream: str, at: int, here: list[Details]) -> list[Row]:
        before, after = [], []
        for far in _FAR:
            before = asking.lines(stream, at - far, at, AROUND)
            after = asking.oldest(stream, at + 1, at + far, AROUND)
            if len(before) == len(after) == AROUND:
                break
        return [row(it) for it in reversed(after)] + [it.row for it in here] + [row(it) for it in before]

    def _bars(self, asking: Asking, page: _Page) -> Bars:
        """Count the lines over time by level; a line that a stage can't read is still counted."""
        assert isinstance(page.parsed, tree.LogQuery)  # noqa: S101 -- asked of log queries only
        step = page.span.step(_BARS)
        lenient = tree.LogQuery(page.parsed.matchers, (*page.parsed.stages, _FORGIVING))
        counted = f"sum by (level) (count_over_time({one_line(lenient)} [{step // SECOND}s]))"
        return bars(asking.curves(counted, page.span, step), "level", page.span, step)

    def _chips(self, asking: Asking, page: _Page) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """Offer the values of some labels: name, address, whether it is chosen."""
        assert isinstance(page.parsed, tree.LogQuery)  # noqa: S101 -- asked of log queries only
        offered = []
        for name, most in _CHIPS:
            now = chosen(page.parsed, name)
            values = asking.values(name, page.span)[:most]
            links = [
                (value, parameters(narrowed(page.parsed, name, "" if value == now else value), page.span.asked),
                 value == now)
                for value in values
            ]  # fmt: skip
            offered.append((name.removesuffix("_name"), links))
        return offered


_FORGIVING = tree.Drop((tree.ERROR, tree.ERROR_DETAILS))


def _log_query(query: str) -> tree.LogQuery:
    parsed = parse(query)
    if not isinstance(parsed, tree.LogQuery):
        raise BadInput("this query gives numbers, not lines")
    return parsed


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
