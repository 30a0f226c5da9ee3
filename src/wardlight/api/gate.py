"""The gate: each request is let through or refused here, before its body is read, by the table of routes.

Whoever asks is known by `Authorization: Bearer …` (or Basic, with the token as password), else by the cookie of a session.
401 when nobody is known, also for a token that isn't good, and without saying why it isn't; browsers that ask for a page
are led to sign in. 403 when somebody is known and may not, and for what another site sends by somebody's browser.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote, urlsplit

import anyio
from prometheus_client import CollectorRegistry, Counter
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from wardlight.access import cookie
from wardlight.access.access import Access
from wardlight.access.principal import ASKING, OPEN, Principal
from wardlight.access.roles import Right
from wardlight.access.table import GRPC
from wardlight.api.direct import STRAIGHT
from wardlight.api.headers import safe
from wardlight.api.ways import WEBSOCKET, Nowhere, Way, Ways
from wardlight.problems import Denied, NotFound, Problem, Unauthenticated
from wardlight.records import Sight

SIGN_IN = "/sign-in"
RENEWED = "renewed"
"""A parameter of requests that a page makes by itself: they don't keep a session awake."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LASTING = frozenset({"GET /console/live", "GET /logs/tail", "WS /loki/api/v1/tail"})
"""Answers that go on until somebody hangs up, or may no longer: a session that ends, ends them too."""
_LOOK_SECONDS = 15.0
_ENDS: dict[str, Message] = {
    "http": {"type": "http.response.body", "body": b"", "more_body": False},
    "websocket": {"type": "websocket.close", "code": 1008},
}
_NOT_FOR_YOU = "this is not for your role"
_NOT_KNOWN = "sign in first, or send a token that is valid"

Page = Callable[[HTTPConnection, Problem], Response]
"""Writes a problem as a page for people."""


class Known:
    """Says who asks."""

    def __init__(self, access: Access | None, key: str) -> None:
        """Without `access` nobody needs to sign in; `key` is that of the data directory's owner."""
        self._access = access
        self._key = key.encode()
        self._owner = Principal(name="owner", rights=frozenset(Right), sight=Sight(), way="owner")

    @property
    def closed(self) -> bool:
        """Whether one must be known."""
        return self._access is not None

    async def by(self, request: HTTPConnection, *, active: bool) -> Principal | None:
        """Find the person or the machine; None for somebody unknown. Raises Unauthenticated for a wrong token."""
        address = request.client.host if request.client else ""
        given = request.headers.get("authorization")
        if given is not None:
            found = await self.by_header(given, address)
            if found is None and self._access is not None:
                raise Unauthenticated(_NOT_KNOWN)
        elif self._access is not None:
            found = await self._by_cookie(request, address, active=active)
        else:
            found = None
        if found is None and self._access is None:
            return _open_at(address)
        return None if found is None else replace(found, address=address)

    async def by_header(self, given: str, address: str) -> Principal | None:
        """Know a machine, or the owner, by a header `authorization`."""
        token = _token(given)
        if secrets.compare_digest(token.encode(), self._key):
            return self._owner
        if self._access is None or not token:
            return None
        tokens = self._access.tokens
        return tokens.quick(token) or await anyio.to_thread.run_sync(lambda: tokens.principal(token, address=address))

    async def sender(self, given: str) -> str:
        """Let a machine send that has shown a header `authorization`: the one service whose records it may, or empty.

        Raises Unauthenticated and Denied.
        """
        found = await self.by_header(given, "") if self._access is not None else OPEN
        if found is None:
            raise Unauthenticated(_NOT_KNOWN)
        if not GRPC.met(found):
            raise Denied(_NOT_FOR_YOU)
        return found.source

    async def _by_cookie(self, request: HTTPConnection, address: str, *, active: bool) -> Principal | None:
        secret = cookie.secret(request)
        if not secret or self._access is None:
            return None
        sessions = self._access.sessions
        return await anyio.to_thread.run_sync(lambda: sessions.principal(secret, address=address, active=active))


@dataclass(frozen=True, kw_only=True)
class House:
    """What the gate needs to know."""

    known: Known
    page: Page
    registry: CollectorRegistry


class Gate:
    """ASGI middleware, around all routes."""

    def __init__(self, app: ASGIApp, house: House, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._ways = Ways(routes)
        self._page = house.page
        self._known = house.known
        self._refused = Counter(
            "wardlight_gate_refused_requests", "Requests that were refused before they were read.", ["status"],
            registry=house.registry,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        send = safe(scope, send)
        request = HTTPConnection(scope)
        try:
            way = await self._look(request)
        except Problem as problem:
            self._refused.labels(problem.status).inc()
            await _answer(request, self._refusal(request, problem), receive, send)
            return
        if way.name in _LASTING and self._known.closed:
            await self._as_long_as_known(request, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _look(self, request: HTTPConnection) -> Way:
        """Find out who asks for what, and whether they may. Raises a problem when they may not."""
        scope = request.scope
        method = scope["method"] if scope["type"] == "http" else WEBSOCKET
        way = self._ways.find(method, scope["path"])
        public = isinstance(way, Way) and way.need is not None and way.need.public
        machine = "authorization" in request.headers
        active = self._known.closed and not machine and _is_active(way, request)
        asker = None if public and machine else await self._known.by(request, active=active)
        if isinstance(way, Nowhere):
            raise _NotAllowed(way.allowed) if way.allowed else NotFound("there is no such page")
        if method not in _SAFE:
            _must_be_from_here(request, surely=asker is not None and asker.way == "session")
        if way.need is None or not way.need.met(asker):
            raise Unauthenticated(_NOT_KNOWN) if asker is None else Denied(_NOT_FOR_YOU)
        scope["wardlight.principal"] = asker
        scope[STRAIGHT] = way.straight
        ASKING.set(asker)
        return way

    async def _as_long_as_known(self, request: HTTPConnection, receive: Receive, send: Send) -> None:
        """Let an answer go on until whoever asked is known no more."""
        answering = asyncio.ensure_future(self._app(request.scope, receive, send))
        try:
            while not (await asyncio.wait({answering}, timeout=_LOOK_SECONDS))[0]:
                if not await self._still_known(request):
                    answering.cancel()
                    await asyncio.gather(answering, return_exceptions=True)
                    with suppress(RuntimeError):
                        await send(_ENDS[request.scope["type"]])
                    return
            await answering
        finally:
            answering.cancel()

    async def _still_known(self, request: HTTPConnection) -> bool:
        try:
            return await self._known.by(request, active=False) is not None
        except Unauthenticated:
            return False

    def _refusal(self, request: HTTPConnection, problem: Problem) -> Response:
        """Write why not, for whoever asks."""
        headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
        if isinstance(problem, _NotAllowed):
            headers["Allow"] = ", ".join(problem.allowed)
        if _wants_a_page(request):
            if isinstance(problem, Unauthenticated):
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"{SIGN_IN}?next={quote(here, safe='')}", 303)
            answer = self._page(request, problem)
            answer.headers.update(headers)
            return answer
        if isinstance(problem, Unauthenticated):
            headers["WWW-Authenticate"] = 'Bearer realm="wardlight"'
        return JSONResponse({"error": str(problem)}, problem.status, headers)


class _NotAllowed(Problem):
    status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"this address is asked by {' or '.join(allowed)}")
        self.allowed = allowed


@lru_cache(maxsize=64)
def _open_at(address: str) -> Principal:
    return replace(OPEN, address=address)


def _token(given: str) -> str:
    """Read a token out of a header `authorization`, empty if there is none."""
    kind, _, value = given.partition(" ")
    match kind.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
    return ""


def _is_active(way: Way | Nowhere, request: HTTPConnection) -> bool:
    """Whether a person has done something, rather than a page that renews itself (Fetch Metadata, Sec-Fetch-User)."""
    return (
        isinstance(way, Way)
        and way.name not in _LASTING
        and not (
            RENEWED in request.query_params
            or (request.headers.get("sec-fetch-mode") == "navigate" and "sec-fetch-user" not in request.headers)
        )
    )


def _wants_a_page(request: HTTPConnection) -> bool:
    """Whether a browser asks, to show the answer to somebody."""
    return (
        request.scope["type"] == "http"
        and "text/html" in request.headers.get("accept", "")
        and "authorization" not in request.headers
    )


def _must_be_from_here(request: HTTPConnection, *, surely: bool) -> None:
    """Refuse what another site sends by a browser; `surely`: also what doesn't say where it comes from."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    # Our pages tell no referrer, so a browser calls the origin of their forms "null"; Sec-Fetch-Site says whose they are.
    ours = origin == "null" and site == "same-origin"
    elsewhere = origin is not None and not ours and urlsplit(origin).netloc != request.headers.get("host")
    if elsewhere or site not in (None, "same-origin", "none") or (surely and origin is None and site is None):
        raise Denied("this comes from another site")


async def _answer(request: HTTPConnection, answer: Response, receive: Receive, send: Send) -> None:
    scope = request.scope
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await WebSocketClose(1008)(scope, receive, send)
        return
    await answer(scope, receive, send)
