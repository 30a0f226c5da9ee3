"""The console's pages of incidents: the list, and one with its forms. They work without JavaScript.

A form posts to `/incidents/7/ACTION` and leads back to `/incidents/7`; what can't be done is said on that page. Until
there is sign-in, people write their name into the form; it is remembered in a cookie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from wardlight.clock import Clock, moment
from wardlight.console import forms
from wardlight.console.forms import HEADERS, Form
from wardlight.console.pages import environment
from wardlight.incidents import CAUSES, SEVERITIES, IncidentFile, Incidents
from wardlight.incidents import Response as Documented
from wardlight.incidents.links import Places, links
from wardlight.incidents.service import Which
from wardlight.incidents.silences import Silences
from wardlight.problems import BadInput, Problem

PAGE = 50
_EMPTY = {"note": "", "cause": "", "done": "", "follow_up": ""}
_STATES = get_args(Which)
_Id = Annotated[int, Path(ge=1, lt=2**63)]


@dataclass(frozen=True)
class Desk:
    """What the pages need."""

    incidents: Incidents
    silences: Silences
    places: Places
    clock: Clock


def router(desk: Desk) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(include_in_schema=False)
    one = environment().get_template("incident.html")
    many = environment().get_template("incident_list.html")

    @routes.get("/incidents")
    def listed(state: str = "pending", severity: str = "", page: str = "1") -> HTMLResponse:
        which: Which = state if state in _STATES else "pending"  # type: ignore[assignment]
        only = next((known for known in SEVERITIES if known == severity), None)
        number = int(page) if page.isdecimal() and 0 < len(page) < 7 else 1
        found = desk.incidents.listed(which, PAGE, number, severity=only)
        total = desk.incidents.count(which, severity=only)
        asked = {"state": which, **({"severity": only} if only else {})}
        text = many.render(
            incidents=found, total=total, now=moment(desk.clock.now_ns()), which=which, only=only, states=_STATES,
            severities=SEVERITIES, newer=_page(asked, number - 1) if number > 1 else "",
            older=_page(asked, number + 1) if number * PAGE < total else "",
        )  # fmt: skip
        return HTMLResponse(text, headers=HEADERS)

    @routes.get("/incidents/{incident_id}")
    def shown(request: Request, incident_id: _Id) -> HTMLResponse:
        return page(request, desk.incidents.get(incident_id))

    @routes.post("/incidents/{incident_id}/{action}")
    async def act(request: Request, incident_id: _Id, action: str) -> Response:
        form = await forms.read(request)
        try:
            await run_in_threadpool(_act, desk, incident_id, action, form)
        except Problem as problem:
            found = await run_in_threadpool(desk.incidents.get, incident_id)
            return page(request, found, form, problem)
        return forms.back(f"/incidents/{incident_id}", form, "/")

    def page(
        request: Request, incident: IncidentFile, given: Form | None = None, problem: Problem | None = None
    ) -> HTMLResponse:
        text = one.render(
            it=incident,
            now=moment(desk.clock.now_ns()),
            links=links(incident, desk.places, next(iter(incident.alerts), None)),
            causes=CAUSES,
            given={**_EMPTY, "actor": forms.name(request), **(given or {})},
            problem=problem,
        )
        return HTMLResponse(text, problem.status if problem else 200, HEADERS)

    return routes


def _act(desk: Desk, incident_id: int, action: str, form: Form) -> None:
    """Do what a form asks for. Raises BadInput for an action that isn't there, and the action's own problems."""
    said: Callable[[str], str] = lambda name: form.get(name, "")  # noqa: E731 -- one line reads best
    incidents, actor, note = desk.incidents, said("actor"), said("note")
    match action:
        case "acknowledge":
            incidents.acknowledge(incident_id, actor, "console", note)
        case "release":
            incidents.release(incident_id, actor, "console", note)
        case "note":
            incidents.note(incident_id, actor, "console", note)
        case "resolve":
            incidents.resolve(incident_id, actor, "console", note)
        case "document":
            response = Documented(cause=said("cause"), done=said("done"), follow_up=said("follow_up"))
            incidents.document(incident_id, actor, "console", response)
        case "merge":
            incidents.merge(incident_id, _number(said("into"), "the other incident's number"), actor, "console")
        case "silence":
            until = moment(desk.clock.now_ns()) + timedelta(hours=_number(said("hours"), "how many hours"))
            desk.silences.silence(incident_id, actor, "console", note, until)
        case _:
            raise BadInput("there is no such action")


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise BadInput(f"{what} is missing")
    return int(text)


def _page(asked: Mapping[str, str], number: int) -> str:
    return f"/incidents?{urlencode({**asked, 'page': number})}"
