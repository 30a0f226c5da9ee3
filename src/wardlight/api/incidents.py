"""Incidents as JSON: `GET /api/v1/incidents` and `GET /api/v1/incidents/{id}`.

    {"incidents": [{"id": 7, "group_key": "…", "state": "open", "severity": "critical", "category": "outage",
      "title": "DatabaseDown: PostgreSQL does not answer", "labels": {…}, "annotations": {…},
      "started": "2026-01-01T12:00:00Z", "ended": null, "first_notice": "…", "last_notice": "…"}]}

One incident has besides `alerts` [{fingerprint, labels, annotations, started, ended, generator_url}] and `timeline`
[{at, action, actor, source, note}], oldest first. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from wardlight.incidents import Incident, IncidentFile, Incidents
from wardlight.incidents.service import Which


@dataclass(frozen=True)
class IncidentList:
    """Incidents, newest first."""

    incidents: list[Incident]


def router(incidents: Incidents) -> APIRouter:
    """Make the routes that show incidents."""
    routes = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

    @routes.get("", summary="List incidents, newest first")
    def listed(state: Which = "pending", limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> IncidentList:
        return IncidentList(incidents.listed(state, limit))

    @routes.get("/{incident_id}", summary="Show an incident with its alerts and timeline")
    def shown(incident_id: int) -> IncidentFile:
        return incidents.get(incident_id)

    return routes
