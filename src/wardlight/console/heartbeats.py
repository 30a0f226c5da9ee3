"""The console's table of heartbeats."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from wardlight.clock import Clock, moment
from wardlight.console.pages import HEADERS, environment
from wardlight.heartbeats import Heartbeats

_ORDER = ("down", "grace", "new", "up", "paused")


def router(heartbeats: Heartbeats, clock: Clock) -> APIRouter:
    """Make the route."""
    routes = APIRouter(include_in_schema=False)
    template = environment().get_template("heartbeats.html")

    @routes.get("/heartbeats")
    def page() -> HTMLResponse:
        found = sorted(heartbeats.listed(), key=lambda it: (_ORDER.index(it.state), it.slug))
        return HTMLResponse(template.render(heartbeats=found, now=moment(clock.now_ns())), headers=HEADERS)

    return routes
