"""Incidents as JSON under `/api/v1/incidents`: listing them, showing one, and what people do to one.

    GET  ?state=pending&severity=critical&since=2026-01-01T00:00:00Z&limit=100&page=1
      {"incidents": [{"id": 7, "group_key": "…", "state": "open", "severity": "critical", "category": "outage",
        "title": "DatabaseDown: PostgreSQL does not answer", "labels": {…}, "annotations": {…},
        "started": "2026-01-01T12:00:00Z", "ended": null, "first_notice": "…", "last_notice": "…", "opened": "…",
        "firing": true, "reopened": 0, "acknowledged_by": "", "acknowledged_at": null, "resolved_at": null,
        "merged_into": null, "cause": "", "done": "", "follow_up": ""}], "total": 1}
    GET  /7                 besides: alerts [{fingerprint, labels, annotations, started, ended, generator_url}], of many
                            the first 50 or `?alerts=`, with alerts_firing and alerts_total; merged; links; timeline
                            [{at, action, actor, source, note}], oldest first
    POST /7/acknowledge     {"actor": "maria", "note": ""}
    POST /7/release         {"actor": "maria", "note": "why"}
    POST /7/note            {"actor": "maria", "note": "…"}
    POST /7/resolve         {"actor": "maria", "note": ""}
    POST /7/document        {"actor": "maria", "cause": "hardware", "done": "…", "follow_up": "none"}
    POST /7/merge           {"actor": "maria", "into": 5}
    POST /7/silence         {"actor": "maria", "note": "why", "until": "2026-01-01T14:00:00Z"} → {"silences": ["…"]}
    DELETE /7/silence/ID?actor=maria

`actor` counts where nobody signs in, and for the data directory's owner; else it is whoever has signed in.

They answer with the incident as it is then; 404 without one; 409 with who was first, or the state that is in the way.
`GET /api/v1/alert-history` lists alerts as Alertmanager had them, silenced and inhibited ones too. Times are RFC 3339.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime

from wardlight.access.principal import actor
from wardlight.incidents import Incident, IncidentFile, Incidents, Response, Severity
from wardlight.incidents.alertmanager import Standing
from wardlight.incidents.history import History, Stretch
from wardlight.incidents.links import Link, Places, links
from wardlight.incidents.service import SHOWN, Which
from wardlight.incidents.silences import Silences

_Id = Annotated[int, Path(ge=1, lt=2**63)]
_Limit = Annotated[int, Query(ge=1, le=1000)]
_Page = Annotated[int, Query(ge=1, le=1_000_000)]
_Since = Annotated[AwareDatetime | None, Query()]


@dataclass(frozen=True)
class IncidentList:
    """One page of incidents, newest first, and how many there are on all pages."""

    incidents: list[Incident]
    total: int


@dataclass(frozen=True, kw_only=True)
class Shown(IncidentFile):
    """An incident with all that leads on from it."""

    links: tuple[Link, ...]


@dataclass(frozen=True)
class HistoryList:
    """One page of the history of alerts, the latest first."""

    alerts: list[Stretch]


@dataclass(frozen=True, kw_only=True)
class Acted:
    """Who does something, by which way, and what they say to it."""

    actor: str = ""
    source: Literal["api", "cli"] = "api"
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Documented(Acted):
    """A response that closes an incident."""

    cause: str
    done: str
    follow_up: str


@dataclass(frozen=True, kw_only=True)
class Merged(Acted):
    """The incident that takes this one in."""

    into: int


@dataclass(frozen=True, kw_only=True)
class Silenced(Acted):
    """Until when; the note says why."""

    until: AwareDatetime


@dataclass(frozen=True)
class Made:
    """The silences that were made, by their ids in Alertmanager."""

    silences: list[str]


def router(incidents: Incidents, silences: Silences, history: History, places: Places) -> APIRouter:
    """Make the routes of incidents."""
    routes = APIRouter(tags=["incidents"])
    _asking(routes, incidents, history, places)
    _acting(routes, incidents)
    _silencing(routes, silences)
    return routes


_ALL = "/api/v1/incidents"
_ONE = "/api/v1/incidents/{incident_id}"


def _asking(routes: APIRouter, incidents: Incidents, history: History, places: Places) -> None:
    @routes.get(_ALL, summary="List incidents, newest first")
    def listed(
        state: Which = "pending",
        severity: Severity | None = None,
        since: _Since = None,
        limit: _Limit = 100,
        page: _Page = 1,
    ) -> IncidentList:
        found = incidents.listed(state, limit, page, severity=severity, since=since)
        return IncidentList(found, incidents.count(state, severity=severity, since=since))

    @routes.get(_ONE, summary="Show an incident with its alerts, links and timeline")
    def shown(incident_id: _Id, alerts: Annotated[int, Query(ge=0, le=20_000)] = SHOWN) -> Shown:
        found = incidents.get(incident_id, alerts)
        return Shown(**vars(found), links=links(found, places, next(iter(found.alerts), None)))

    @routes.get(
        "/api/v1/alert-history", summary="List alerts as Alertmanager had them, silenced and inhibited ones too"
    )
    def past(state: Standing | None = None, since: _Since = None, limit: _Limit = 100, page: _Page = 1) -> HistoryList:
        return HistoryList(history.listed(state=state, since=since, limit=limit, page=page))


def _acting(routes: APIRouter, incidents: Incidents) -> None:
    @routes.post(_ONE + "/acknowledge", summary="Take an incident on")
    def acknowledge(request: Request, incident_id: _Id, by: Acted) -> Incident:
        return incidents.acknowledge(incident_id, actor(request, by.actor), by.source, by.note)

    @routes.post(_ONE + "/release", summary="Take an acknowledgement back")
    def release(request: Request, incident_id: _Id, by: Acted) -> Incident:
        return incidents.release(incident_id, actor(request, by.actor), by.source, by.note)

    @routes.post(_ONE + "/note", summary="Write a note on the timeline of an incident")
    def note(request: Request, incident_id: _Id, by: Acted) -> Incident:
        return incidents.note(incident_id, actor(request, by.actor), by.source, by.note)

    @routes.post(_ONE + "/resolve", summary="Call an incident over")
    def resolve(request: Request, incident_id: _Id, by: Acted) -> Incident:
        return incidents.resolve(incident_id, actor(request, by.actor), by.source, by.note)

    @routes.post(_ONE + "/document", summary="Close a resolved incident with its response")
    def document(request: Request, incident_id: _Id, by: Documented) -> Incident:
        response = Response(cause=by.cause, done=by.done, follow_up=by.follow_up)
        return incidents.document(incident_id, actor(request, by.actor), by.source, response)

    @routes.post(_ONE + "/merge", summary="Let an incident count for another one, which is returned")
    def merge(request: Request, incident_id: _Id, by: Merged) -> Incident:
        return incidents.merge(incident_id, by.into, actor(request, by.actor), by.source)


def _silencing(routes: APIRouter, silences: Silences) -> None:
    @routes.post(_ONE + "/silence", summary="Silence the alerts of an incident in Alertmanager")
    def silence(request: Request, incident_id: _Id, by: Silenced) -> Made:
        until: datetime = by.until
        return Made(list(silences.silence(incident_id, actor(request, by.actor), by.source, by.note, until)))

    @routes.delete(_ONE + "/silence/{silence_id}", status_code=204, summary="End a silence of an incident")
    def expire(
        request: Request,
        incident_id: _Id,
        silence_id: str,
        by: Annotated[str, Query(alias="actor")] = "",
        source: Literal["api", "cli"] = "api",
    ) -> None:
        silences.expire(incident_id, silence_id, actor(request, by), source)
