"""For ASGI applications (FastAPI, Starlette, Django): a middleware that measures, an application for /metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import REGISTRY, make_asgi_app

from wardlight_sdk.context import someone
from wardlight_sdk.process import client

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


class Middleware:
    """Measures requests, reports exceptions that nobody caught, and binds the client's address and user agent."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with someone(address=(scope.get("client") or ("",))[0], user_agent=_header(scope, b"user-agent")):
            try:
                await self._app(scope, receive, noting)
            except Exception as error:
                status = 500
                if found := client():
                    found.report(error)
                raise
            finally:
                _measure(scope, status, time.perf_counter() - started)


class MetricsApp:
    """Answers with the metrics of the registry that `setup` was given.

    An object, so that `app.add_route("/metrics", metrics_app)` and `app.mount("/metrics", metrics_app)` both work.
    """

    path_format = "/metrics"
    """What the middleware calls it where no router has named it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a scrape."""
        scope.setdefault("route", self)
        found = client()
        await make_asgi_app(found.metrics.registry if found else REGISTRY)(scope, receive, send)


metrics_app = MetricsApp()


def _measure(scope: Scope, status: int, seconds: float) -> None:
    if found := client():
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        found.metrics.requests.labels(method, _route(scope), str(status)).observe(seconds)


def _route(scope: Scope) -> str:
    """Give the template of the path, never the path itself, which may name a patient; empty when nothing matched."""
    # FastAPI keeps the whole template, with the prefixes of included routers, beside the route.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    template = getattr(route, "path_format", "") or getattr(route, "path", "")
    return template if isinstance(template, str) else ""


def _header(scope: Scope, name: bytes) -> str:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found.decode("latin-1")
