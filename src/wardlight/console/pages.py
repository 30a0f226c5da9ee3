"""The console's first page, the part of it that is renewed, and its static files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from wardlight import __version__
from wardlight.console import words
from wardlight.console.overview import Overview
from wardlight.console.snapshot import Away
from wardlight.console.verdict import verdict
from wardlight.problems import NotFound

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
    ("/oncall", "On call"),
    ("/maintenance", "Maintenance"),
    ("/heartbeats", "Heartbeats"),
    ("/audit", "Audit trail"),
)
"""What each page leads to."""
_TYPES = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}


def router(overview: Overview) -> APIRouter:
    """Make the routes of the console."""
    routes = APIRouter(include_in_schema=False)
    static, templates = _static(), environment()

    async def shown(template: str) -> HTMLResponse:
        snapshot = await overview.snapshot()
        text = templates.get_template(template).render(now=snapshot, verdict=verdict(snapshot))
        return HTMLResponse(text, headers=HEADERS)

    @routes.get("/")
    async def page() -> HTMLResponse:
        return await shown("page.html")

    @routes.get("/console/live")
    async def live() -> HTMLResponse:
        return await shown("live.html")

    @routes.get("/console/static/{name}")
    async def asset(name: str) -> Response:
        if name not in static:
            raise NotFound("the console has no such file")
        headers = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(static[name], media_type=_TYPES[name], headers=headers)

    return routes


@lru_cache(1)
def _static() -> dict[str, bytes]:
    return {name: (files(__package__) / "static" / name).read_bytes() for name in _TYPES}


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
    build = hashlib.sha256(b"".join(_static().values())).hexdigest()[:12]
    found.globals |= {"build": build, "version": __version__, "pages": PAGES}
    found.tests["away"] = lambda it: isinstance(it, Away)
    found.filters |= words.FILTERS
    return found
