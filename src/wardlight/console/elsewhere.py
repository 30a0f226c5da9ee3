"""Signing in by a service elsewhere: the way there, and back."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from wardlight.access import cookie
from wardlight.access.access import Access
from wardlight.access.oidc import BACK, Provider
from wardlight.access.sessions import Started, Visit
from wardlight.console.signin import entered, on_this_host, refused, visit
from wardlight.problems import NotFound, Problem

_STATE = "wardlight-sign-in"
_SECONDS = 600


def router(access: Access, provider: Provider | None, failed: Callable[[str], None]) -> APIRouter:
    """Make the routes; `failed` hears from where somebody came whom the provider hasn't recognised."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign-in/elsewhere")
    async def there(request: Request, next: str = "/") -> Response:  # noqa: A002 -- the parameter's name
        try:
            address, state = await run_in_threadpool(_needed(provider).begin, on_this_host(next))
        except Problem as problem:
            return refused(request, problem)
        answer = RedirectResponse(address, 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            _STATE, state, max_age=_SECONDS, path=BACK, secure=secure, httponly=True, samesite="lax"
        )  # fmt: skip
        return answer

    @routes.get(BACK)
    async def back(request: Request) -> Response:
        visit_ = visit(request)
        try:
            started, onward = await run_in_threadpool(_recognised, access, _needed(provider), request, visit_)
        except Problem as problem:
            await run_in_threadpool(failed, visit_.address)
            answer: Response = refused(request, problem)
        else:
            answer = entered(request, started, onward)
        answer.delete_cookie(_STATE, path=BACK)
        return answer

    return routes


def _recognised(access: Access, provider: Provider, request: Request, visit_: Visit) -> tuple[Started, str]:
    """Begin the session of whom the provider has recognised."""
    found = provider.finish(dict(request.query_params), request.cookies.get(_STATE, ""))
    person = access.people.recognised(found.subject, found.name, found.display_name, found.roles)
    return access.signing.begin(person.name, visit_, old=cookie.secret(request)), found.onward


def _needed(provider: Provider | None) -> Provider:
    if provider is None:
        raise NotFound("there is no sign-in service (setting access.oidc_issuer)")
    return provider
