"""How far the audit trail is projected, and making its tables anew: `/api/v1/audit/projection`.

GET            {"done": 41000, "size": 52000, "problem": ""}
POST /replay   the same; it has begun then
"""

from __future__ import annotations

from fastapi import APIRouter

from wardlight.audit.projection import Progress, Projection


def router(projection: Projection) -> APIRouter:
    """Make the routes of the projection."""
    routes = APIRouter(prefix="/api/v1/audit/projection", tags=["audit"])

    @routes.get("", summary="Say how far the ledger is projected")
    def progress() -> Progress:
        return projection.progress()

    @routes.post("/replay", summary="Make the tables anew from the ledger")
    def replay() -> Progress:
        projection.rebuild()
        return projection.progress()

    return routes
