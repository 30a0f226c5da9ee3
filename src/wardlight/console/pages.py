"""The console's first page, and the part of it that is renewed."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wardlight import __version__
from wardlight.console import assets, words
from wardlight.console.asking import asker
from wardlight.console.overview import Overview
from wardlight.console.snapshot import Away
from wardlight.console.verdict import verdict
from wardlight.query.format import quote

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGES = (
    ("/", "Overview"),
    ("/incidents", "Incidents"),
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


def router(overview: Overview) -> APIRouter:
    """Make the routes of the console."""
    routes = APIRouter(include_in_schema=False)
    templates = environment()

    async def shown(template: str, request: Request) -> HTMLResponse:
        snapshot = await overview.snapshot(asker(request).sight)
        text = templates.get_template(template).render(now=snapshot, verdict=verdict(snapshot))
        return HTMLResponse(text, headers=HEADERS)

    @routes.get("/")
    async def page(request: Request) -> HTMLResponse:
        return await shown("page.html", request)

    @routes.get("/console/live")
    async def live(request: Request) -> HTMLResponse:
        return await shown("live.html", request)

    routes.include_router(assets.router(HEADERS))
    return routes


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
        "static": assets.assets().address, "version": __version__, "pages": PAGES,
        "zone": Markup('<span class="zone">UTC</span>'), "trace_address": _trace_address,
    }  # fmt: skip
    found.tests["away"] = lambda it: isinstance(it, Away)
    found.filters |= words.FILTERS
    return found


def _trace_address(trace: str) -> str:
    """Lead to the lines of a trace."""
    query = f'{{kind=~".+"}} | trace_id={quote(trace)}'
    return f"/logs?{urlencode({'query': query, 'since': '24h'})}"
