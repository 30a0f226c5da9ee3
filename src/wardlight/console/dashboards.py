"""The console's own viewer of the dashboards: the same JSON that Grafana reads, drawn in the browser.

The page holds the board as JSON; `static/viewer/` draws it and asks `/api/v1/metrics` and Loki's API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from wardlight.access.principal import principal
from wardlight.access.roles import Role
from wardlight.console import assets
from wardlight.console.pages import HEADERS, environment
from wardlight.problems import NotFound

HOMES = {
    Role.ADMINISTRATOR: "wardlight-home-administrators",
    Role.SUPPORT: "wardlight-home-support",
    Role.DEVELOPER: "wardlight-home-developers",
    Role.PRIVACY: "wardlight-home-privacy",
    Role.AUDITOR: "wardlight-home-privacy",
}
"""The dashboard that is made for a role."""
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def router(built: Callable[[], Mapping[str, Mapping[str, Any]]]) -> APIRouter:
    """Make the routes; `built` gives each board's JSON by its uid, and takes a while the first time."""
    routes = APIRouter(include_in_schema=False)
    templates = environment()
    scripts = [name for name in assets.assets().by_name if name.startswith("viewer/") and name.endswith(".js")]

    @routes.get("/dashboards")
    def all_of_them(request: Request) -> HTMLResponse:
        who = principal(request)
        yours = [] if who.way == "open" else [HOMES[role] for role in who.roles]
        ordered = sorted(built().values(), key=lambda board: board["uid"] not in yours)
        template = templates.get_template("dashboards.html")
        return HTMLResponse(template.render(boards=ordered, yours=yours), headers=HEADERS)

    @routes.get("/dashboards/{uid}")
    def one(uid: str) -> HTMLResponse:
        boards = built()
        if uid not in boards:
            raise NotFound("there is no such dashboard")
        others = [{"uid": board["uid"], "title": board["title"]} for board in boards.values()]
        told = in_page({"board": boards[uid], "others": others})
        template = templates.get_template("dashboard.html")
        return HTMLResponse(template.render(board=boards[uid], told=told, scripts=scripts), headers=HEADERS)

    return routes


def in_page(content: object) -> Markup:
    r"""Write JSON that nothing in it can end or escape from.

    >>> in_page("</script>")
    Markup('"\\u003c/script\\u003e"')
    """
    return Markup(msgspec.json.encode(content).decode().translate(_UNSAFE))  # noqa: S704 -- what markup needs is escaped  # nosec B704
