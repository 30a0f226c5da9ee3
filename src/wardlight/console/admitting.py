"""The pages of those who let others in: people with their roles, and the tokens of machines."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from wardlight.access.access import Access
from wardlight.access.people import Invitation
from wardlight.access.principal import principal
from wardlight.access.roles import Role
from wardlight.clock import Clock, moment
from wardlight.console import forms
from wardlight.console.account import ROLES
from wardlight.console.forms import Form
from wardlight.console.signin import shown
from wardlight.problems import BadInput, NotFound, Problem

_PEOPLE, _TOKENS = "/settings/people", "/settings/tokens"
_DAYS = 90


def router(access: Access, url: str, clock: Clock) -> APIRouter:
    """Make the routes; `url` is where people reach the server."""
    routes = APIRouter(include_in_schema=False)
    _people(routes, access, url, clock)
    _tokens(routes, access, clock)
    return routes


def _people(routes: APIRouter, access: Access, url: str, clock: Clock) -> None:
    people = access.people

    def page(problem: Problem | None = None, invitation: Invitation | None = None) -> HTMLResponse:
        link = f"{url}{invitation.path}" if invitation is not None else ""
        return shown(
            "settings_people.html", problem, people=people.listed(), roles=ROLES, now=moment(clock.now_ns()),
            invitation=invitation, link=link,
        )  # fmt: skip

    @routes.get(_PEOPLE)
    def listed() -> HTMLResponse:
        return page()

    @routes.post(_PEOPLE)
    async def invite(request: Request) -> Response:
        by, form = principal(request).name, await forms.read(request)
        return await run_in_threadpool(done, lambda: people.invite(form.get("name", ""), form.get("display_name", ""),
                                                                   _roles(form), by=by))  # fmt: skip

    @routes.post(_PEOPLE + "/{name}/{action}")
    async def act(request: Request, name: str, action: str) -> Response:
        by, form = principal(request).name, await forms.read(request)
        return await run_in_threadpool(done, lambda: _person(access, name, action, form, by))

    def done(do: Callable[[], Invitation | None]) -> Response:
        try:
            invitation = do()
        except Problem as problem:
            return page(problem)
        return forms.leads(_PEOPLE) if invitation is None else page(None, invitation)


def _person(access: Access, name: str, action: str, form: Form, by: str) -> Invitation | None:
    """Do what a form asks for; the link, if one is made. Raises NotFound for an action that isn't there."""
    people = access.people
    match action:
        case "roles":
            people.set_roles(name, _roles(form), by=by)
        case "disable":
            people.disable(name, by=by)
        case "enable":
            people.enable(name, by=by)
        case "link":
            return people.link(name, by=by)
        case "reset":
            return people.reset(name, by=by)
        case _:
            raise NotFound("there is no such action")
    return None


def _roles(form: Form) -> list[Role]:
    """Read the boxes that are ticked, one a role."""
    return [role for role in Role if form.get(f"role-{role}")]


def _tokens(routes: APIRouter, access: Access, clock: Clock) -> None:
    tokens = access.tokens

    def page(problem: Problem | None = None, given: Form | None = None, **more: object) -> HTMLResponse:
        values = {"made": None, "given": {"name": "", "source": "", "role": "", "days": str(_DAYS), **(given or {})}}
        return shown(
            "settings_tokens.html", problem, tokens=tokens.listed(), roles=list(Role), now=moment(clock.now_ns()),
            **(values | more),
        )  # fmt: skip

    @routes.get(_TOKENS)
    def listed() -> HTMLResponse:
        return page()

    @routes.post(_TOKENS)
    async def make(request: Request) -> Response:
        by, form = principal(request).name, await forms.read(request)
        return await run_in_threadpool(made, form, by)

    def made(form: Form, by: str) -> Response:
        try:
            return page(made=tokens.create(form.get("name", ""), _scopes(form), days=_days(form), by=by))
        except Problem as problem:
            return page(problem, form)

    @routes.post(_TOKENS + "/{token_id}/revoke")
    async def revoke(request: Request, token_id: str) -> Response:
        await run_in_threadpool(tokens.revoke, token_id, by=principal(request).name)
        return forms.leads(_TOKENS)


def _scopes(form: Form) -> list[str]:
    """Read what a token shall be for."""
    scopes = [scope for scope in ("metrics", "ping") if form.get(scope)]
    if form.get("send"):
        source = form.get("source", "").strip()
        scopes.append(f"send:{source}" if source else "send")
    if role := form.get("role"):
        scopes.append(f"query:{role}")
    return scopes


def _days(form: Form) -> int | None:
    days = form.get("days", "").strip()
    if not days:
        return None
    if not (days.isascii() and days.isdecimal() and len(days) < 6):
        raise BadInput("days are a number, or nothing for a token without an end")
    return int(days)
