"""Silencing an incident's alerts in Alertmanager, by whom, why and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from wardlight.clock import Clock, moment
from wardlight.incidents import hand
from wardlight.incidents.alertmanager import Alertmanager
from wardlight.incidents.service import Incidents
from wardlight.problems import BadInput

LONGEST = timedelta(days=30)


class Silences:
    """Silences of incidents. Methods block, and raise Unavailable while Alertmanager is away."""

    def __init__(self, alertmanager: Alertmanager, incidents: Incidents, clock: Clock) -> None:
        self._alertmanager = alertmanager
        self._incidents = incidents
        self._clock = clock

    def silence(self, incident_id: int, actor: str, source: str, why: str, until: datetime) -> Sequence[str]:
        """Silence what the alerts of an incident have in common, and those of incidents merged into it; return the ids.

        The incident stays as it is. Raises NotFound, and BadInput when the alerts share no rule, or the end makes no sense.
        """
        now = moment(self._clock.now_ns())
        why, actor = hand.text(why, "why it is silenced"), hand.name(actor)
        if not now < until <= now + LONGEST:
            raise BadInput(f"a silence ends in the future, within {LONGEST.days} days")
        incident = self._incidents.get(incident_id, alerts=0)
        groups = [incident.labels, *(self._incidents.get(one, alerts=0).labels for one in incident.merged)]
        if not all("alertname" in labels for labels in groups):
            raise BadInput(f"the alerts of incident {incident_id} have no rule in common: silence them in Alertmanager")
        comment = f"Incident {incident_id}: {why}"
        made = [self._alertmanager.silence(labels, actor, comment, now, until) for labels in groups]
        note = f"until {until:%Y-%m-%d %H:%M:%S} UTC: {why} (silence {', '.join(made)})"
        self._incidents.record(incident_id, "silenced", actor, source, note)
        return made

    def expire(self, incident_id: int, silence: str, actor: str, source: str) -> None:
        """End a silence of an incident now. Raises NotFound."""
        actor = hand.name(actor)
        self._incidents.get(incident_id, alerts=0)
        self._alertmanager.expire(silence)
        self._incidents.record(incident_id, "unsilenced", actor, source, f"silence {silence} ended")
