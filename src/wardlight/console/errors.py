"""The console's page of errors: those of the logs, by the exception's type and the service; deployments beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from wardlight.changes import Deployments
from wardlight.changes.deployments import Deployment
from wardlight.clock import Clock, moment
from wardlight.console.asking import Asking, or_away, selector
from wardlight.console.bars import Bars, bars
from wardlight.console.forms import HEADERS
from wardlight.console.lines import Row, parameters, row
from wardlight.console.pages import environment
from wardlight.console.spans import NAMES, SECOND, Span, span
from wardlight.query import QueryService
from wardlight.query.answer import Series
from wardlight.query.format import quote
from wardlight.query.host import Entry

SHOWN = 40
"""Groups: those with most errors."""
_NEWEST = 500
_STEPS = 40
_DEPLOYMENTS = 30
_ERRORS = selector(["error"])
_BY = "exception_type, service_name"


@dataclass(kw_only=True)
class Group:
    """Errors of one type in one service. `first` and `last` are known to a step of the curve."""

    exception: str
    service: str
    count: int
    curve: list[float]
    first: datetime
    last: datetime
    users: int = 0
    newest: Row | None = None
    trace: str = ""
    logs: str = ""


@dataclass(frozen=True)
class Found:
    """All groups, the most frequent first, and all errors over time."""

    groups: list[Group] = field(default_factory=list)
    more: int = 0
    bars: Bars | None = None


def router(queries: QueryService, deployments: Deployments, clock: Clock) -> APIRouter:
    """Make the route."""
    routes = APIRouter(include_in_schema=False)
    template = environment().get_template("errors.html")

    @routes.get("/errors")
    def page(request: Request) -> HTMLResponse:
        asking, now = Asking(queries, request), clock.now_ns()
        asked = span(request.query_params, now, "24h")
        text = template.render(
            found=or_away(lambda: errors(asking, asked)), span=asked, spans=NAMES, now=moment(now),
            deployments=_within(deployments.listed(since=asked.first, limit=_DEPLOYMENTS), asked),
        )  # fmt: skip
        return HTMLResponse(text, headers=HEADERS)

    return routes


def errors(asking: Asking, asked: Span) -> Found:
    """Group the errors of a span."""
    step = asked.step(_STEPS)
    series = asking.curves(f"sum by ({_BY}) (count_over_time({_ERRORS} [{step // SECOND}s]))", asked, step)
    groups = sorted((_group(one, asked, step) for one in series if one.points), key=lambda it: -it.count)
    shown = {(it.exception, it.service): it for it in groups[:SHOWN]}
    _meet(shown, asking, asked)
    for entry in asking.lines(_ERRORS, asked.start, asked.end, _NEWEST) if shown else ():
        _show(shown, entry)
    all_of_them = [Series((("level", "error"),), one.points) for one in series]
    return Found(list(shown.values()), len(groups) - len(shown), bars(all_of_them, "level", asked, step))


def _group(one: Series, asked: Span, step: int) -> Group:
    labels, points = dict(one.labels), dict(one.points)
    seen = [at for at, value in points.items() if value]
    exception, service = labels.get("exception_type", ""), labels.get("service_name", "")
    return Group(
        exception=exception,
        service=service,
        count=int(sum(points.values())),
        curve=[points.get(at, 0.0) for at in range(asked.floor(step) + step, asked.ceiling(step) + 1, step)],
        first=moment(max(min(seen) - step, asked.start)),
        last=moment(min(max(seen), asked.end)),
        logs=parameters(
            f"{selector(['error'], {'service_name': service})} | exception_type={quote(exception)}", asked.asked
        ),
    )


def _meet(shown: dict[tuple[str, str], Group], asking: Asking, asked: Span) -> None:
    """Count the users that met each."""
    met = f'sum by ({_BY}, user_id) (count_over_time({_ERRORS} | user_id!="" [{asked.duration}]))'
    for labels, value in asking.counts(f"count by ({_BY}) ({met})", asked.end):
        group = shown.get((labels.get("exception_type", ""), labels.get("service_name", "")))
        if group is not None:
            group.users = int(value)


def _show(shown: dict[tuple[str, str], Group], entry: Entry) -> None:
    """Show a line, if it is the newest of its group."""
    labels = entry.labels()
    group = shown.get((labels.get("exception_type", ""), labels.get("service_name", "")))
    if group is not None and group.newest is None:
        group.newest, group.last, group.trace = row(entry), moment(entry.ts), labels.get("trace_id", "")


def _within(found: Iterable[Deployment], asked: Span) -> Sequence[Deployment]:
    return [it for it in found if it.at <= asked.last]
