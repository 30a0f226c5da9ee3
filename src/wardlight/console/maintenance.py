"""The console's page of maintenance windows, to announce, begin and end them, and of deployments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from wardlight.changes import Deployments, Windows
from wardlight.changes.window import Step
from wardlight.clock import Clock, moment
from wardlight.console import forms
from wardlight.console.forms import HEADERS, Form
from wardlight.console.pages import environment
from wardlight.problems import BadInput, Problem

SHOWN = 50
"""Windows and deployments, the newest of each."""
_EMPTY = {"what": "", "matchers": "", "starts": "", "ends": ""}
_STEPS: dict[str, Step] = {"begin": "begin", "end": "end", "cancel": "cancel"}
_HERE = "/maintenance"


def router(windows: Windows, deployments: Deployments, clock: Clock) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(include_in_schema=False)
    template = environment().get_template("maintenance.html")

    def page(request: Request, given: Form | None = None, problem: Problem | None = None) -> HTMLResponse:
        text = template.render(
            windows=windows.listed("all", SHOWN),
            deployments=deployments.listed(limit=SHOWN),
            now=moment(clock.now_ns()),
            given={**_EMPTY, "actor": forms.name(request), **(given or {})},
            problem=problem,
        )
        return HTMLResponse(text, problem.status if problem else 200, HEADERS)

    @routes.get(_HERE)
    def shown(request: Request) -> HTMLResponse:
        return page(request)

    @routes.post(_HERE)
    async def announce(request: Request) -> Response:
        return await _done(request, lambda form: _announce(windows, form))

    @routes.post(_HERE + "/{window_id}/{step}")
    async def go_on(request: Request, window_id: int, step: str) -> Response:
        return await _done(request, lambda form: _step(windows, window_id, step, form))

    async def _done(request: Request, do: Callable[[Form], None]) -> Response:
        form = await forms.read(request)
        try:
            await run_in_threadpool(do, form)
        except Problem as problem:
            return await run_in_threadpool(page, request, form, problem)
        return forms.back(_HERE, form, "/")

    return routes


def _announce(windows: Windows, form: Form) -> None:
    """Announce a window; matchers stand a line each."""
    matchers = [line.strip() for line in form.get("matchers", "").splitlines() if line.strip()]
    windows.announce(
        form.get("what", ""), matchers, starts=_time(form, "starts"), ends=_time(form, "ends"), by=form.get("actor", "")
    )


def _step(windows: Windows, window_id: int, step: str, form: Form) -> None:
    if step not in _STEPS:
        raise BadInput("a window is begun, ended or cancelled")
    windows.step(window_id, _STEPS[step], form.get("actor", ""))


def _time(form: Form, name: str) -> datetime:
    """Read a field of type datetime-local, which is meant in UTC. Raises BadInput."""
    try:
        return datetime.fromisoformat(form.get(name, "")).replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"{name} is no time; it reads 2026-01-31T18:00, in UTC") from None
