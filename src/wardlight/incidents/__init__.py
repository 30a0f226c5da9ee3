"""Incidents: from the first notice of an alert to its documented end.

`model` says what one is, `life` how a notice changes it, `tables` where it is kept; `Incidents` is the service.
"""

from wardlight.incidents.model import SEVERITIES, Alert, Event, Incident, IncidentFile, Notice, Severity
from wardlight.incidents.service import Incidents

__all__ = ["SEVERITIES", "Alert", "Event", "Incident", "IncidentFile", "Incidents", "Notice", "Severity"]
