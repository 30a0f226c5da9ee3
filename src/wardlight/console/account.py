"""One's own account: password, second factor, sessions. What matters is asked for the password again."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from wardlight.access import cookie
from wardlight.access.access import Access
from wardlight.access.passwords import SHORTEST
from wardlight.access.principal import Principal, principal
from wardlight.access.roles import Role
from wardlight.clock import Clock, moment
from wardlight.console import forms
from wardlight.console.forms import Form
from wardlight.console.signin import entered, shown, visit
from wardlight.problems import BadInput, NotFound, Problem

_HERE = "/account"
ROLES = {
    Role.ADMINISTRATOR: "runs the house: people, tokens, settings; sees logs with patients as pseudonyms",
    Role.SUPPORT: "works on incidents; sees application, error and security logs with patients as pseudonyms",
    Role.DEVELOPER: "works on incidents; sees application and error logs with patients as pseudonyms",
    Role.PRIVACY: "sees everything in clear, the audit trail too; works on incidents",
    Role.AUDITOR: "sees everything in clear, the audit trail too",
}
"""What each role is for, in words."""


def router(access: Access, clock: Clock) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(include_in_schema=False)
    account = _Account(access, clock)

    @routes.get(_HERE)
    def asked(request: Request) -> Response:
        return account.page(principal(request))

    @routes.post(_HERE + "/{action}")
    async def act(request: Request, action: str) -> Response:
        form = await forms.read(request)
        return await run_in_threadpool(account.act, request, action, form)

    return routes


class _Account:
    """What somebody does with their own account."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    def page(self, asker: Principal, problem: Problem | None = None, **more: object) -> HTMLResponse:
        """Show the account; machines and open houses have none."""
        if asker.way != "session":
            raise NotFound("only people who have signed in have an account")
        values: dict[str, object] = {
            "it": self._access.people.get(asker.name),
            "sessions": self._access.sessions.of(asker.name),
            "now": moment(self._clock.now_ns()),
            "roles": ROLES,
            "shortest": SHORTEST,
            "enrolment": None,
            "drawn": "",
            "codes": [],
        }
        return shown("account.html", problem, **(values | more))

    def act(self, request: Request, action: str, form: Form) -> Response:
        """Do what a form asks for."""
        asker = principal(request)
        acts: dict[str, Callable[[Request, Principal, Form], Response]] = {
            "password": self._password, "enrol": self._enrol, "confirm": self._confirm, "remove": self._remove,
            "end": self._end,
        }  # fmt: skip
        try:
            if action not in acts or asker.way != "session":
                raise NotFound("there is no such action")
            return acts[action](request, asker, form)
        except Problem as problem:
            return self.page(asker, problem)

    def _password(self, request: Request, asker: Principal, form: Form) -> Response:
        if form.get("password", "") != form.get("again", ""):
            raise BadInput("the two passwords differ")
        signing = self._access.signing
        started = signing.change_password(asker.name, form.get("current", ""), form.get("password", ""), visit(request))
        return entered(request, started, _HERE)

    def _enrol(self, request: Request, asker: Principal, form: Form) -> Response:
        self._again(request, asker, form)
        enrolment = self._access.second.enrol(asker.name)
        return self.page(asker, enrolment=enrolment, drawn=Markup(enrolment.svg))  # noqa: S704 -- drawn by us  # nosec B704

    def _confirm(self, _request: Request, asker: Principal, form: Form) -> Response:
        return self.page(asker, codes=self._access.second.confirm(asker.name, form.get("code", ""), by=asker.name))

    def _remove(self, request: Request, asker: Principal, form: Form) -> Response:
        self._again(request, asker, form)
        self._access.second.remove(asker.name, by=asker.name)
        return forms.leads(_HERE)

    def _end(self, request: Request, asker: Principal, _form: Form) -> Response:
        self._access.signing.sign_out_everywhere(asker.name, visit(request))
        answer = forms.leads("/sign-in")
        cookie.drop(request, answer)
        return answer

    def _again(self, request: Request, asker: Principal, form: Form) -> None:
        self._access.signing.verify(asker.name, form.get("current", ""), visit(request))
