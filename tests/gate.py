"""The gate of an open house around a few routes, for tests that don't need the whole server."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry

from wardlight.api.gate import Gate, House, Known

KEY = "key"
"""The owner's."""
OWNER = {"Authorization": f"Bearer {KEY}"}


def gated(app: FastAPI, key: str = KEY) -> FastAPI:
    """Put the gate around an application."""

    def page(_request: object, problem: Exception) -> JSONResponse:
        return JSONResponse({"error": str(problem)}, getattr(problem, "status", 500))

    app.add_middleware(
        Gate, house=House(known=Known(None, key), page=page, registry=CollectorRegistry()), routes=app.routes
    )
    return app
