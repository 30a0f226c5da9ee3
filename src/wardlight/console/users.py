"""The console's pages of users: who was there, and one person's day. Counts of records, never a patient."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from wardlight.clock import Clock, moment
from wardlight.console.asking import Asking, Counts, or_away, selector
from wardlight.console.day import Day, day_of
from wardlight.console.forms import HEADERS
from wardlight.console.pages import environment
from wardlight.console.snapshot import Away
from wardlight.console.spans import NAMES, SECOND, Span, span
from wardlight.problems import BadInput
from wardlight.query import QueryService
from wardlight.query.format import quote

SHOWN = 100
_MOST_PARTS = 1000
_DAY_NS = 86_400 * SECOND


@dataclass
class Person:
    """Somebody in the list."""

    name: str
    lines: int
    logins: int = 0
    failed: int = 0
    errors: int = 0
    records: int = 0


def router(queries: QueryService, clock: Clock) -> APIRouter:
    """Make the route: `/users` lists them, `/users?user=ann&day=2026-01-31` shows one."""
    routes = APIRouter(include_in_schema=False)
    many, one = environment().get_template("users.html"), environment().get_template("user.html")

    @routes.get("/users")
    def page(request: Request) -> HTMLResponse:
        given, asking, now = request.query_params, Asking(queries, request), clock.now_ns()
        if name := given.get("user", "").strip():
            at = _day(given.get("day", ""), now)
            shown: Day | Away = or_away(lambda: day_of(asking, name, at))
            start = moment(at.start)
            around = {
                "before": f"{start - timedelta(days=1):%Y-%m-%d}",
                "after": f"{start + timedelta(days=1):%Y-%m-%d}" if at.start + _DAY_NS <= now else "",
            }
            text = one.render(
                name=name, day=f"{start:%Y-%m-%d}", it=shown, now=moment(now), **around,
                sees_trail="audit" in asking.who.sight.kinds,
            )  # fmt: skip
        else:
            asked, search = span(given, now, "24h"), given.get("search", "").strip()
            found = or_away(lambda: people(asking, search, asked))
            text = many.render(
                people=found, search=search, span=asked, spans=NAMES, now=moment(now), shown=SHOWN,
                sees_trail="audit" in asking.who.sight.kinds,
            )  # fmt: skip
        return HTMLResponse(text, headers=HEADERS)

    return routes


def people(asking: Asking, search: str, asked: Span) -> list[Person]:
    """List the users of a span, those with most lines first; their names contain `search`, large or small."""
    who = f"| user_id=~{quote(f'(?i).*{re.escape(search)}.*')}" if search else '| user_id!=""'
    counted = _by_user(asking, selector(), who, asked, SHOWN)
    found = {name: Person(name, count) for name, count in counted.items()}
    of: Mapping[str, tuple[str, str]] = {
        "logins": ("security", '| event_name="user.login" | event_outcome="success"'),
        "failed": ("security", '| event_name="user.login" | event_outcome="failure"'),
        "errors": ("error", ""),
        "records": ("audit", '| event_name="record.access"'),
    }
    for field, (kind, stages) in of.items() if found else ():
        if kind in asking.who.sight.kinds:
            for name, count in _by_user(asking, selector([kind]), f"{who} {stages}", asked, _MOST_PARTS).items():
                if name in found:
                    setattr(found[name], field, count)
    return list(found.values())


def _by_user(asking: Asking, streams: str, stages: str, asked: Span, most: int) -> dict[str, int]:
    lines = f"{streams} {stages} [{asked.duration}]"
    counts: Counts = asking.counts(f"topk({most}, sum by (user_id) (count_over_time({lines})))", asked.end)
    return {labels.get("user_id", ""): int(value) for labels, value in counts}


def _day(text: str, now_ns: int) -> Span:
    """Read a day of UTC, today by default; of today the part that was. Raises BadInput."""
    if text:
        try:
            at = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise BadInput("the day is not one such as 2026-01-31") from None
        start = int(at.timestamp()) * SECOND
    else:
        start = now_ns - now_ns % _DAY_NS
    if not 0 <= start <= now_ns:
        raise BadInput("the day is in the future, or before 1970")
    return Span(start, min(start + _DAY_NS, now_ns))
