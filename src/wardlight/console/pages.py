"""The console's first page, and the part of it that is renewed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from wardlight import __version__
from wardlight.access.principal import ASKING, principal
from wardlight.access.table import TABLE
from wardlight.console import assets, live, words
from wardlight.console.overview import FRESH_SECONDS, Overview
from wardlight.console.snapshot import Away
from wardlight.console.verdict import verdict
from wardlight.query.format import quote

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGES = (
    ("/", "Overview"),
    ("/incidents", "Incidents"),
    ("/dashboards", "Dashboards"),
    ("/logs", "Logs"),
    ("/users", "Users"),
    ("/security", "Security"),
    ("/errors", "Errors"),
    ("/oncall", "On call"),
    ("/maintenance", "Maintenance"),
    ("/heartbeats", "Heartbeats"),
    ("/audit", "Audit trail"),
    ("/settings", "Settings"),
)
"""What each page leads to."""
KEYS = {
    "/": "o", "/incidents": "i", "/logs": "l", "/users": "u", "/security": "s", "/errors": "e", "/dashboards": "d",
    "/oncall": "c", "/maintenance": "m", "/heartbeats": "h", "/audit": "a", "/settings": "t",
}  # fmt: skip
"""The key that leads to a page, after g."""
_ZONE = Markup('<span class="zone">UTC</span>')
"""The zone of the times on a page; with JavaScript it is the reader's."""


def router(overview: Overview) -> APIRouter:
    """Make the routes of the console."""
    routes = APIRouter(include_in_schema=False)
    templates = environment()

    async def written(template: str, request: Request) -> str:
        snapshot = await overview.snapshot(principal(request).sight)
        return templates.get_template(template).render(now=snapshot, verdict=verdict(snapshot))

    async def renewals(request: Request) -> AsyncIterator[live.Event]:
        before = ""
        while True:
            text = await written("live.html", request)
            yield live.Event(text) if text != before else live.STILL
            before = text
            if not await live.pause(request, FRESH_SECONDS):
                return

    @routes.get("/")
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(await written("page.html", request), headers=HEADERS)

    @routes.get("/console/live")
    async def renewed(request: Request) -> Response:
        return live.told(renewals(request), HEADERS)

    routes.include_router(assets.router(HEADERS))
    return routes


class _Navigation:
    """The pages that whoever asks may open."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        asker = ASKING.get()
        return (page for page in PAGES if (need := TABLE.get(f"GET {page[0]}")) and need.met(asker))


def signed_in() -> str:
    """Name who has signed in; empty where nobody needs to."""
    asker = ASKING.get()
    return asker.name if asker is not None and asker.way == "session" else ""


@lru_cache(1)
def environment() -> Environment:
    """Set the templates up; everything they print is escaped."""
    found = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "static": assets.assets().address, "version": __version__, "pages": _Navigation(), "signed_in": signed_in,
        "keys": KEYS, "zone": _ZONE, "trace_address": _trace_address,
    }  # fmt: skip
    found.tests["away"] = lambda it: isinstance(it, Away)
    found.filters |= {**words.FILTERS, "zoned": _zoned}
    return found


def _zoned(head: str) -> Markup:
    """Write a heading that names UTC so that its zone can be turned with the times below it."""
    return escape(head).replace("UTC", _ZONE)


def _trace_address(trace: str) -> str:
    """Lead to the lines of a trace."""
    query = f'{{kind=~".+"}} | trace_id={quote(trace)}'
    return f"/logs?{urlencode({'query': query, 'since': '24h'})}"
