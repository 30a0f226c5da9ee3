"""The page behind a notification's link: `GET /ack/{token}` shows a button, `POST` to it acknowledges.

Mail scanners and previews follow links, so that following one changes nothing. Whoever has the link may use it, once:
403 for one that isn't ours, 410 for one that was used or is a day old.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from wardlight.escalation import Escalation
from wardlight.incidents import Incidents
from wardlight.incidents.model import IncidentFile
from wardlight.notify import Link, plain
from wardlight.problems import Conflict, Denied, NotFound, Problem

SOURCE = "link"
_STYLE = """
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }
body { max-width: 32rem; margin: 3rem auto; padding: 0 1rem }
button { font: inherit; font-weight: 600; padding: .8rem 1.6rem; width: 100% }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} · Wardlight</title>
<style>{style}</style>
<h1>{title}</h1>
<p>{text}</p>
{more}
"""


def router(escalation: Escalation, incidents: Incidents) -> APIRouter:
    """Make the two routes."""
    routes = APIRouter(prefix="/ack", include_in_schema=False)
    links = escalation.links

    def name(link: Link) -> str:
        return escalation.roster.oncall().person_name(link.person)

    @routes.get("/{token}")
    def ask(token: str) -> HTMLResponse:
        try:
            link = links.look(token)
            incident = incidents.get(link.incident, alerts=1)
        except (Denied, NotFound) as problem:
            return _page(problem.status, "This link isn't valid", str(problem))
        if link.state != "good":
            return _gone(link, incident)
        who = f"You are {name(link)}. One click says that you take it on, and stops the escalation."
        return _page(200, _title(incident), who, '<form method="post"><button>Acknowledge</button></form>')

    @routes.post("/{token}")
    def acknowledge(token: str) -> HTMLResponse:
        try:
            before = links.use(token)
        except Denied as problem:
            return _page(403, "This link isn't valid", str(problem))
        try:
            if before.state != "good":
                return _gone(before, incidents.get(before.incident, alerts=1))
            incidents.acknowledge(before.incident, before.person, SOURCE)
        except (Conflict, NotFound) as problem:
            return _page(problem.status, "Nothing to do", str(problem), _on(before.incident))
        except Problem:
            links.give_back(token)
            raise
        escalation.wake()
        title = _title(incidents.get(before.incident, alerts=1))
        return _page(200, title, f"Acknowledged by {name(before)}. Nobody else is called.", _on(before.incident))

    return routes


def _gone(link: Link, incident: IncidentFile) -> HTMLResponse:
    when = f"{link.used or link.expires:%Y-%m-%d %H:%M} UTC"
    said = f"It was used at {when}." if link.state == "used" else f"It was good until {when}."
    who = f" The incident is {incident.state}"
    who += f", by {incident.acknowledged_by}." if incident.acknowledged_by else "."
    return _page(410, "This link is over", said + who, _on(link.incident))


def _title(incident: IncidentFile) -> str:
    return (
        f"{incident.severity.capitalize()}: {plain(incident.labels.get('alertname', 'Alert'))} (incident {incident.id})"
    )


def _on(incident: int) -> str:
    return f'<p><a href="/incidents/{incident}">Incident {incident}</a></p>'


def _page(status: int, title: str, text: str, more: str = "") -> HTMLResponse:
    """Fill the page in; `more` is markup of our own, all else is escaped."""
    return HTMLResponse(_PAGE.format(style=_STYLE, title=escape(title), text=escape(text), more=more), status, _HEADERS)
