"""What people may do to an incident, and when. Pure: each takes an incident and gives the next, or raises.

Raises Conflict with who was first, or with the state that doesn't allow it; BadInput for a response that says nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from wardlight.incidents.model import CAUSES, PENDING, Incident, Response
from wardlight.problems import BadInput, Conflict

MAX_TEXT = 10_000
"""Most characters of a note and of each part of a response."""
MAX_NAME = 100


def acknowledged(incident: Incident, actor: str, now: datetime) -> Incident:
    """Take it on; the same person once more changes nothing."""
    if incident.state == "acknowledged":
        if incident.acknowledged_by == actor:
            return incident
        raise Conflict(
            f"incident {incident.id} was acknowledged by {incident.acknowledged_by} at {_said(incident.acknowledged_at)}"
        )
    _must_be_pending(incident)
    return replace(incident, state="acknowledged", acknowledged_by=actor, acknowledged_at=now)


def released(incident: Incident) -> Incident:
    """Take an acknowledgement back."""
    if incident.state != "acknowledged":
        raise _refused(incident, "nobody is on it")
    return replace(incident, state="open", acknowledged_by="", acknowledged_at=None)


def resolved(incident: Incident, now: datetime) -> Incident:
    """Call it over; one that is over already stays as it is."""
    if incident.state == "resolved":
        return incident
    _must_be_pending(incident)
    return replace(incident, state="resolved", resolved_at=now)


def documented(incident: Incident, response: Response) -> Incident:
    """Close it with its response."""
    if incident.state in PENDING:
        raise _refused(incident, "resolve it before its response is documented")
    if incident.state != "resolved":
        raise _refused(incident)
    if response.cause not in CAUSES:
        raise BadInput(f"the cause is one of {', '.join(CAUSES)}")
    done = text(response.done, "what was done")
    follow_up = text(response.follow_up, "the follow-up (none is an answer)")
    return replace(incident, state="documented", cause=response.cause, done=done, follow_up=follow_up)


def merged(incident: Incident, into: Incident) -> Incident:
    """Let it count for another from now on."""
    if into.id == incident.id:
        raise Conflict(f"incident {incident.id} can't be merged into itself")
    if incident.state not in (*PENDING, "resolved"):
        raise _refused(incident)
    if into.state not in PENDING and (into.state, incident.state) != ("resolved", "resolved"):
        raise _refused(into, "nothing that goes on can be merged into it")
    return replace(incident, state="merged", merged_into=into.id)


def text(said: str, what: str) -> str:
    """Check what a person wrote: something, and not more than `MAX_TEXT`. Raises BadInput."""
    said = said.strip()
    if not said:
        raise BadInput(f"{what} is missing")
    if len(said) > MAX_TEXT:
        raise BadInput(f"{what} is longer than {MAX_TEXT} characters")
    return said


def name(actor: str) -> str:
    """Check the name of who acts. Raises BadInput."""
    actor = " ".join(actor.split())
    if not actor or len(actor) > MAX_NAME or not actor.isprintable():
        raise BadInput(f"who does it is missing, or no name of at most {MAX_NAME} characters")
    return actor


def _must_be_pending(incident: Incident) -> None:
    if incident.state not in PENDING:
        raise _refused(incident)


def _refused(incident: Incident, why: str = "") -> Conflict:
    state = f"merged into incident {incident.merged_into}" if incident.state == "merged" else incident.state
    return Conflict(f"incident {incident.id} is {state}{': ' if why else ''}{why}")


def _said(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"
