"""FHIR's AuditEvent, R4 and R5, JSON and XML, to entries and back; and the resources that FHIR's API answers with.

read       a posted body → `Submission` of entries
write      an entry → AuditEvent of a version, as FHIR's JSON
to_xml     FHIR's JSON → FHIR's XML
bundle     what a search found; `response` answers a posted Bundle
outcome    a problem as OperationOutcome; `noted` does it for deviations, which `DEVIATIONS` explains
capability what is served
"""

from __future__ import annotations

from wardlight.audit.fhir.answers import SEARCHES, bundle, capability, noted, outcome, response
from wardlight.audit.fhir.elements import Version
from wardlight.audit.fhir.markup import to_xml
from wardlight.audit.fhir.names import DEVIATIONS
from wardlight.audit.fhir.read import Submission, read
from wardlight.audit.fhir.write import write

__all__ = [
    "DEVIATIONS",
    "SEARCHES",
    "Submission",
    "Version",
    "bundle",
    "capability",
    "noted",
    "outcome",
    "read",
    "response",
    "to_xml",
    "write",
]
