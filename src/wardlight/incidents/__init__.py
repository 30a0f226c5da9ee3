"""Incidents: from the first notice of an alert to its documented end.

`model` says what one is, `life` how a notice changes it, `hand` what people may do, `tables` and `rows` where it is
kept; `Incidents` is the service.
"""

from wardlight.incidents.model import (
    CAUSES,
    SEVERITIES,
    Alert,
    Event,
    Incident,
    IncidentFile,
    Notice,
    Response,
    Severity,
)
from wardlight.incidents.service import Incidents

__all__ = [
    "CAUSES",
    "SEVERITIES",
    "Alert",
    "Event",
    "Incident",
    "IncidentFile",
    "Incidents",
    "Notice",
    "Response",
    "Severity",
]
