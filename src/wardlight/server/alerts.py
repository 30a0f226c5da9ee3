"""The wing of alerts: incidents and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from wardlight import console
from wardlight.api import ack, alertmanager, incidents
from wardlight.api import escalation as escalation_api
from wardlight.escalation import Escalation
from wardlight.incidents import Incidents
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.history import History
from wardlight.incidents.links import Places
from wardlight.incidents.silences import Silences
from wardlight.incidents.watch import Watch
from wardlight.server.ground import Ground, Wing
from wardlight.server.trail import Audit

BY_PEOPLE = frozenset(("console", "cli", "api", "link"))
"""Ways by which people act on incidents; what rules and timers do is on an incident's timeline."""


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """The parts that other wings need."""

    incidents: Incidents
    escalation: Escalation
    wing: Wing


def build(ground: Ground, audit: Audit) -> Alerts:
    """Open what looks after alerts. What people do with incidents is in the audit trail."""
    stack, clock = ground.settings.stack, ground.clock

    def told(incident: int, action: str, actor: str, source: str) -> None:
        escalation.wake()
        if source in BY_PEOPLE:
            audit.deeds.note(f"incident.{action}", actor, way=source, about="incident", number=str(incident))

    kept = Incidents(ground.state, clock, ground.registry, told)
    escalation = Escalation(
        ground.data, ground.state, kept, url=ground.settings.server.address, clock=clock, registry=ground.registry
    )
    history = History(ground.state)
    manager = Alertmanager(stack.alertmanager_url)
    ground.opened.callback(manager.close)
    watch = Watch(manager, kept, history, clock, ground.registry)
    places = Places(prometheus=stack.prometheus_url, grafana=stack.grafana)
    silences = Silences(manager, kept, clock)
    wing = Wing(
        routers=[
            alertmanager.router(kept),
            incidents.router(kept, silences, history, places),
            console.incidents_router(console.Desk(kept, silences, places, clock)),
            escalation_api.router(escalation),
            console.oncall_router(escalation, clock),
            ack.router(escalation, kept),
        ],
        running=[watch.running, escalation.running],
    )
    return Alerts(incidents=kept, escalation=escalation, wing=wing)
