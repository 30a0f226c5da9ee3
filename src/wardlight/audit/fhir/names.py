"""The words of the way between versions: systems, codes, and extensions for what the other version lacks.

An element that only one version has travels in the other as an extension of the name that HL7 gives it there
(hl7.org/fhir/versions.html#extensions), so that nothing is lost on the way there and back.
"""

from __future__ import annotations

_FOUR = "http://hl7.org/fhir/4.0/StructureDefinition/extension-AuditEvent."
_FIVE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-AuditEvent."

ALT_ID = "http://hl7.org/fhir/StructureDefinition/auditevent-AlternativeUserID"
AGENT_NAME = _FOUR + "agent.name"
AGENT_MEDIA = _FOUR + "agent.media"
NETWORK_TYPE = _FOUR + "agent.network.type"
ENTITY_KIND = _FOUR + "entity.type"
ENTITY_LIFECYCLE = _FOUR + "entity.lifecycle"
ENTITY_NAME = _FOUR + "entity.name"
ENTITY_DESCRIPTION = _FOUR + "entity.description"
SEVERITY = _FIVE + "severity"
BASED_ON = _FIVE + "basedOn"
PATIENT = _FIVE + "patient"
ENCOUNTER = _FIVE + "encounter"
OUTCOME_DETAIL = _FIVE + "outcome.detail"

OURS = "urn:wardlight:audit"
"""The system of codes of our own: `unreadable`."""
SENT_ID = "urn:wardlight:sent-id"
"""System of a tag whose code is the id that the sender gave."""
DEVIATION = "urn:wardlight:deviation"
"""System of tags whose codes are in `DEVIATIONS`."""
ATTRIBUTES = "urn:wardlight:attributes"
"""Extension that holds the attributes of a log record that the event's fields don't have, each an extension."""

OUTCOME = "http://terminology.hl7.org/CodeSystem/audit-event-outcome"
OUTCOMES = {"0": "Success", "4": "Minor failure", "8": "Serious failure", "12": "Major failure"}
ISSUE_SEVERITY = "http://hl7.org/fhir/issue-severity"
SEVERITY_OUTCOMES = {"success": "0", "information": "0", "warning": "4", "error": "8", "fatal": "12"}
"""Codes of `ISSUE_SEVERITY`, which R5 takes as outcomes too."""
ACTIONS = frozenset("CRUDE")
SEVERITIES = frozenset(
    {"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}
)  # fmt: skip
NETWORK_TYPES = frozenset("12345")

DEVIATIONS = {
    "unreadable": "it couldn't be read as an AuditEvent and is kept as the text that came",
    "not_utf8": "it isn't UTF-8 and was read as Latin-1",
    "unnamed": "it doesn't say that it is an AuditEvent, but looks like one",
    "recorded": "it doesn't say when it was recorded",
    "timestamp": "when it was recorded isn't a time with a zone, or lies before 1971 or in the future",
    "type": "it has no type (R4) or no code (R5)",
    "agent": "it has no agent",
    "requestor": "an agent doesn't say whether it asked for what happened (R4)",
    "who": "an agent doesn't say who it is (R5)",
    "source": "it has no source",
    "observer": "its source doesn't say who observed the event",
    "code": "an action, outcome, severity or type of network is none of the standard's codes",
    "element": "it has elements that its version of FHIR doesn't know",
    "shape": "an element is a list, an object or a value where the standard has another of these",
}
"""What may be odd about an event that came as FHIR, one word each."""
