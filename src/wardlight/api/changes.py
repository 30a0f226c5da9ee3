"""Maintenance windows and deployments as JSON.

    POST /api/v1/deployments  {"service": "portal", "version": "2.4.1", "environment": "production",
                               "commit": "9fceb02", "by": "ann", "note": "new calendar"}
    GET  /api/v1/deployments?service=portal&since=2026-01-01T00:00:00Z     newest first
    GET  /api/v1/deployments/latest                                        of each service and environment

Told twice with the same `Idempotency-Key`, a deployment is kept once.

    POST /api/v1/maintenance  {"what": "database upgrade", "matchers": ["service=billing"], "by": "ann",
                               "starts": "2026-03-01T02:00:00+01:00", "ends": "2026-03-01T04:00:00+01:00"}
    POST /api/v1/maintenance/7/begin, …/end, …/cancel  {"by": "ann"}
    GET  /api/v1/maintenance?state=open

`by` counts where nobody signs in, and for the data directory's owner; else it is whoever has signed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from wardlight.access.principal import actor
from wardlight.changes import Deployment, Deployments, Window, Windows
from wardlight.changes.deployments import NewDeployment
from wardlight.changes.window import Step
from wardlight.changes.windows import Which

_Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True)
class DeploymentList:
    """Deployments."""

    deployments: list[Deployment]


@dataclass(frozen=True)
class WindowList:
    """Maintenance windows."""

    windows: list[Window]


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A window to come."""

    what: str
    matchers: list[str]
    starts: datetime
    ends: datetime
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Who does it."""

    by: str = ""


def router(windows: Windows, deployments: Deployments) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["changes"])

    @routes.post("/deployments", status_code=201, summary="Tell of a deployment")
    def deployed(
        request: Request, new: NewDeployment, idempotency_key: Annotated[str, Header(alias="Idempotency-Key")] = ""
    ) -> Deployment:
        return deployments.record(replace(new, by=actor(request, new.by)), idempotency_key)

    @routes.get("/deployments", summary="List deployments, newest first")
    def listed(
        service: str = "", environment: str = "", since: datetime | None = None, limit: _Limit = 100
    ) -> DeploymentList:
        return DeploymentList(deployments.listed(service, environment, since, limit))

    @routes.get("/deployments/latest", summary="Show what runs: the newest deployment of each service and environment")
    def latest() -> DeploymentList:
        return DeploymentList(deployments.latest())

    @routes.get("/maintenance", summary="List maintenance windows")
    def announced(state: Which = "open", limit: _Limit = 100) -> WindowList:
        return WindowList(windows.listed(state, limit))

    @routes.post("/maintenance", status_code=201, summary="Announce a maintenance window")
    def announce(request: Request, new: Announcement) -> Window:
        by = actor(request, new.by)
        return windows.announce(new.what, new.matchers, starts=new.starts, ends=new.ends, by=by)

    @routes.post("/maintenance/{window_id}/{step}", summary="Begin, end or cancel a window")
    def step(request: Request, window_id: int, step: Step, decision: Decision) -> Window:
        return windows.step(window_id, step, actor(request, decision.by))

    return routes
