"""The pages of coming in and going out: sign-in, the second factor, the first time by a one-time link, sign-out.

They work without JavaScript, and lead on to `next`, which is a path on this host and nothing else.
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from wardlight.access import cookie
from wardlight.access.access import Access
from wardlight.access.passwords import SHORTEST
from wardlight.access.principal import ASKING
from wardlight.access.sessions import Started, Visit
from wardlight.console import forms
from wardlight.console.forms import HEADERS, Form
from wardlight.console.pages import environment
from wardlight.problems import BadInput, Problem

_HERE = "/sign-in"


def router(access: Access, elsewhere: str = "") -> APIRouter:
    """Make the routes; `elsewhere` is the name of a service by which people may sign in too."""
    routes = APIRouter(include_in_schema=False)
    signing = access.signing

    def page(given: Form, problem: Problem | None = None) -> HTMLResponse:
        return shown("signin.html", problem, given=given, elsewhere=elsewhere)

    def code_page(given: Form, problem: Problem | None = None) -> HTMLResponse:
        return shown("signin_code.html", problem, given=given)

    @routes.get(_HERE)
    def asked(next: str = "/") -> Response:  # noqa: A002 -- the parameter's name
        if ASKING.get() is not None:
            return forms.leads(on_this_host(next))
        return page({"next": on_this_host(next), "name": ""})

    @routes.post(_HERE)
    async def sign_in(request: Request) -> Response:
        form = _clean(await forms.read(request))
        try:
            started = await run_in_threadpool(
                signing.sign_in, form["name"], form.get("password", ""), visit(request), old=cookie.secret(request)
            )
        except Problem as problem:
            return page(form, problem)
        return entered(request, started, form["next"])

    @routes.get(_HERE + "/code")
    def code_asked(next: str = "/") -> Response:  # noqa: A002 -- the parameter's name
        return code_page({"next": on_this_host(next)})

    @routes.post(_HERE + "/code")
    async def confirm(request: Request) -> Response:
        form = _clean(await forms.read(request))
        try:
            secret = cookie.secret(request)
            started = await run_in_threadpool(signing.confirm, secret, form.get("code", ""), visit(request))
        except Problem as problem:
            return code_page(form, problem)
        return entered(request, started, form["next"])

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        await run_in_threadpool(signing.sign_out, cookie.secret(request))
        answer = forms.leads(_HERE)
        cookie.drop(request, answer)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    _welcome(routes, access)
    return routes


def _welcome(routes: APIRouter, access: Access) -> None:
    """Add the page behind a one-time link: to look at it uses nothing up, since mail scanners do."""
    signing = access.signing

    def page(secret: str, given: Form, problem: Problem | None = None) -> HTMLResponse:
        invited = signing.invited(secret)
        return shown("welcome.html", problem, given=given, it=invited, shortest=SHORTEST)

    @routes.get("/welcome/{secret}")
    def asked(request: Request, secret: str) -> Response:
        try:
            return page(secret, {"name": "", "display_name": ""})
        except Problem as problem:
            return refused(request, problem)

    @routes.post("/welcome/{secret}")
    async def join(request: Request, secret: str) -> Response:
        form = {"name": "", "display_name": "", **await forms.read(request)}
        try:
            started = await run_in_threadpool(_joined, access, secret, form, visit(request), cookie.secret(request))
        except Problem as problem:
            told = problem
        else:
            return entered(request, started, "/account")
        try:
            return await run_in_threadpool(page, secret, form, told)
        except Problem as problem:
            return refused(request, problem)


def _joined(access: Access, secret: str, form: Form, visit_: Visit, old: str) -> Started:
    """Choose a password, and sign in with it."""
    password = form.get("password", "")
    if password != form.get("again", ""):
        raise BadInput("the two passwords differ")
    name = access.signing.accept(secret, password, visit_, name=form["name"], display_name=form["display_name"])
    return access.signing.sign_in(name, password, visit_, old=old)


def visit(request: Request) -> Visit:
    """Say from where somebody comes."""
    return Visit(request.client.host if request.client else "", request.headers.get("user-agent", ""))


def entered(request: Request, started: Started, onward: str) -> RedirectResponse:
    """Give somebody their session, and lead on; to the second factor first, if that is due."""
    answer = forms.leads(f"{_HERE}/code?next={quote(onward, safe='')}" if started.pending else onward)
    cookie.put(request, answer, started.secret)
    return answer


def on_this_host(path: str) -> str:
    """Let a way onward be a path here, whatever it says.

    >>> on_this_host("/logs?query=x"), on_this_host("//evil.example"), on_this_host("https:evil.example")
    ('/logs?query=x', '/', '/')
    """
    plain = path.isascii() and path.isprintable() and not set(path) & {" ", "\\", "#"}
    inside = path.startswith("/") and not path.startswith(("//", _HERE))
    return path if plain and inside else "/"


def shown(template: str, problem: Problem | None = None, /, **values: object) -> HTMLResponse:
    """Render a page of this kind, with what went wrong."""
    text = environment().get_template(template).render(problem=problem, **values)
    answer = HTMLResponse(text, problem.status if problem else 200, HEADERS)
    if problem is not None and problem.retry_after is not None:
        answer.headers["Retry-After"] = str(problem.retry_after)
    return answer


def refused(_request: HTTPConnection, problem: Problem) -> HTMLResponse:
    """Say on a page why somebody isn't let through."""
    return shown("refused.html", problem)


def _clean(form: Form) -> dict[str, str]:
    return {"name": "", **form, "next": on_this_host(form.get("next", "/"))}
