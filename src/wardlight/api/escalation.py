"""Who is on call, and who was told: under `/api/v1/oncall` and `/api/v1/notifications`.

    GET  /api/v1/oncall
      {"rotations": [{"rotation": "support", "now": {"people": ["ann"], "since": "…", "until": "…"}, "next": {…}}],
       "people": {"ann": "Ann Archer"}, "fault": ""}
    GET  /api/v1/oncall/support.ics?weeks=8          the next weeks as iCal
    POST /api/v1/oncall/support/overrides            somebody stands in
      {"person": "ben", "since": "2026-01-01T18:00:00Z", "until": "2026-01-02T08:00:00Z", "actor": "maria"}
    GET  /api/v1/notifications?incident=7            every message that was meant, what became of it and why
      {"notifications": [{"incident_id": 7, "purpose": "page", "level": "support", "person": "ann", "channel": "sms",
        "severity": "critical", "state": "failed", "reason": "connection refused, tried 5 times", "attempt": 5, …}]}

`fault` is what is wrong with oncall.toml, while an earlier version of it is in force. `state` is `due`, `sent`, `failed`
or `dropped`. No answer has a channel's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime

from wardlight.access.principal import actor
from wardlight.escalation import Delivery, Duty, Escalation, OnDuty

_Id = Annotated[int | None, Query(ge=1, lt=2**63)]
_Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


@dataclass(frozen=True)
class OnCallNow:
    """All rotations, and the names of people."""

    rotations: list[OnDuty]
    people: dict[str, str]
    fault: str


@dataclass(frozen=True)
class Override:
    """Who stands in, from when until when, and who says so."""

    person: str
    since: AwareDatetime
    until: AwareDatetime
    actor: str = ""


@dataclass(frozen=True)
class Notifications:
    """Messages, the latest change first."""

    notifications: list[Delivery]


def router(escalation: Escalation) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["on call"])
    roster = escalation.roster

    @routes.get("/oncall", summary="Say who is on call now, and who is next")
    def oncall() -> OnCallNow:
        people = {key: person.name or key for key, person in roster.oncall().people.items()}
        return OnCallNow(roster.rotations(), people, roster.fault)

    @routes.get("/oncall/{rotation}.ics", summary="A rotation's next weeks as iCal", response_class=Response)
    def calendar(rotation: _Name, weeks: Annotated[int, Query(ge=1, le=104)] = 8) -> Response:
        return Response(roster.calendar(rotation, weeks), media_type="text/calendar; charset=utf-8")

    @routes.post("/oncall/{rotation}/overrides", status_code=204, summary="Let somebody stand in for a time")
    def override(request: Request, rotation: _Name, order: Override) -> Response:
        roster.override(rotation, Duty(order.person, order.since, order.until), actor(request, order.actor))
        return Response(status_code=204)

    @routes.get("/notifications", summary="List messages that were meant, what became of them and why")
    def notifications(incident: _Id = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Notifications:
        return Notifications(escalation.deliveries(incident, limit))

    return routes
