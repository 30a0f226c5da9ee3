"""Where to look: links from an incident to its logs, metrics, dashboards and runbook, for its own time. Pure.

Only labels that name a machine or a program go into a link: no patient, no user, whatever a rule puts into its labels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

from wardlight.incidents.model import Alert, Incident

AROUND = timedelta(minutes=15)
"""Shown before its start, and after its end or the last notice."""
LOGS = "logs"
"""Annotation with the LogQL query that a rule wants to be looked at."""
_PROGRAMS = ("service_name", "service_namespace", "host_name")
"""Labels that alerts and streams share."""
_KINDS = {"security": "security|audit", "data_access": "error|audit", "usage": "application|audit"}
_BOARDS = {
    "performance": "wardlight-performance",
    "security": "wardlight-users",
    "usage": "wardlight-users",
    "data_access": "wardlight-home-privacy",
    "change": "wardlight-home-developers",
}
"""Category of an incident: the board that shows it; `wardlight-system` for the rest."""


@dataclass(frozen=True)
class Places:
    """Base URLs that a reader's browser reaches; without Grafana the console shows logs and boards."""

    prometheus: str = ""
    grafana: str = ""


@dataclass(frozen=True)
class Link:
    """One place to look; without `url` it is only named, as a page of the documentation is."""

    name: str
    url: str
    text: str = ""
    """The query behind it, or what it leads to."""


def links(incident: Incident, places: Places, alert: Alert | None = None) -> tuple[Link, ...]:
    """List what leads on from an incident; `alert` is one of its alerts, whose graph is shown."""
    start, end = incident.started - AROUND, (incident.ended or incident.last_notice) + AROUND
    found = [_logs(incident, places, start, end), _runbook(incident)]
    if alert is not None and _is_web(alert.generator_url):
        found.append(Link("Graph", _graph(alert.generator_url, start, end), alert.name))
    found.append(Link("Dashboard", _dashboard(incident, places.grafana, start, end)))
    if places.prometheus:
        found.append(Link("Alerts in Prometheus", f"{places.prometheus.rstrip('/')}/alerts"))
    return tuple(link for link in found if link is not None)


def logql(incident: Incident) -> str:
    """Write the LogQL query of an incident's logs: the rule's own, else its program's, else those of its category."""
    if own := incident.annotations.get(LOGS, ""):
        return own
    named = [f"{name}={json.dumps(incident.labels[name])}" for name in _PROGRAMS if incident.labels.get(name)]
    return "{" + ", ".join(named or [f'kind=~"{_KINDS.get(incident.category, "error|security")}"']) + "}"


def _logs(incident: Incident, places: Places, start: datetime, end: datetime) -> Link:
    query = logql(incident)
    if places.grafana:
        pane = {
            "datasource": "wardlight-logs",
            "queries": [{"refId": "A", "expr": query, "datasource": {"type": "loki", "uid": "wardlight-logs"}}],
            "range": {"from": _ms(start), "to": _ms(end)},
        }
        asked = urlencode(
            {"schemaVersion": 1, "panes": json.dumps({"a": pane}, separators=(",", ":"))}, quote_via=quote
        )
        return Link("Logs", f"{places.grafana.rstrip('/')}/explore?{asked}", query)
    asked = urlencode({"query": query, "start": _ns(start), "end": _ns(end)}, quote_via=quote)
    return Link("Logs", f"/logs?{asked}", query)


def _runbook(incident: Incident) -> Link | None:
    where = incident.annotations.get("runbook_url") or incident.annotations.get("runbook", "")
    if not where:
        return None
    return Link("Runbook", where if _is_web(where) else "", where)


def _dashboard(incident: Incident, grafana: str, start: datetime, end: datetime) -> str:
    """Lead to the dashboard that the rule names, else to the one of its category, at the incident's time."""
    own = incident.annotations.get("dashboard", "")
    boards = f"{grafana.rstrip('/')}/d" if grafana else "/dashboards"
    page = own if _is_web(own) else f"{boards}/{_BOARDS.get(incident.category, 'wardlight-system')}"
    return f"{page}{'&' if '?' in page else '?'}{urlencode({'from': _ms(start), 'to': _ms(end)})}"


def _graph(generator: str, start: datetime, end: datetime) -> str:
    """Set the time of a Prometheus graph; anything else stays as its sender wrote it."""
    if "/graph?" not in generator:
        return generator
    span = {"g0.range_input": f"{int((end - start).total_seconds())}s", "g0.end_input": f"{end:%Y-%m-%d %H:%M:%S}"}
    return f"{generator}&{urlencode(span)}"


def _is_web(url: str) -> bool:
    """Whether it is an address of the web, and nothing that a browser would run."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _ms(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


def _ns(at: datetime) -> str:
    return f"{_ms(at)}000000"
