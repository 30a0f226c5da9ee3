"""Routes that are asked hundreds of times a second: from the gate straight to their handler."""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

STRAIGHT = "wardlight.straight"
"""Where the gate leaves, for whoever is let through, what answers."""


class Direct(APIRoute):
    """A route whose handler takes the request as it is and answers all problems itself, in its protocol's own form.

    What FastAPI does for every request (looking for the route, reading parameters, keeping stacks of what is to be
    closed) is not needed then, and takes longer than all the rest. The OpenAPI document has the route like any other.
    """

    async def straight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that the gate has let through."""
        answer = await self.endpoint(Request(scope, receive))
        await answer(scope, receive, send)


class Straight:
    """Middleware, the first behind the gate: goes straight to where the gate has seen that the request leads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        await (scope.get(STRAIGHT) or self._app)(scope, receive, send)
