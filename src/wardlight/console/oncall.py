"""The console's page of who is on call, now and next, and of the newest messages."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from wardlight.clock import Clock, moment
from wardlight.console.pages import HEADERS, environment
from wardlight.console.snapshot import Duty
from wardlight.escalation import Escalation
from wardlight.escalation.roster import Roster

_MESSAGES = 50


def duties(roster: Roster) -> tuple[Duty, ...]:
    """Say who is on call now, by the names of people."""
    people = roster.oncall().people
    return tuple(
        Duty(
            rotation=it.rotation,
            people=tuple(people[key].name or key if key in people else key for key in it.now.people),
            until=it.now.until,
        )
        for it in roster.rotations()
    )


def router(escalation: Escalation, clock: Clock) -> APIRouter:
    """Make the route."""
    routes = APIRouter(include_in_schema=False)
    template = environment().get_template("oncall.html")
    roster = escalation.roster

    @routes.get("/oncall")
    def page() -> HTMLResponse:
        text = template.render(
            rotations=roster.rotations(),
            people={key: person.name or key for key, person in roster.oncall().people.items()},
            fault=roster.fault,
            messages=escalation.deliveries(None, _MESSAGES),
            now=moment(clock.now_ns()),
        )
        return HTMLResponse(text, headers=HEADERS)

    return routes
