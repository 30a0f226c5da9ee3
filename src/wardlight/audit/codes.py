"""Codes of the standards that audit events are made of, by their names."""

from __future__ import annotations

from wardlight.audit.event import DCM, PURPOSE

EVENTS = {
    "110100": "Application Activity", "110101": "Audit Log Used", "110102": "Begin Transferring DICOM Instances",
    "110103": "DICOM Instances Accessed", "110104": "DICOM Instances Transferred", "110105": "DICOM Study Deleted",
    "110106": "Export", "110107": "Import", "110108": "Network Entry", "110109": "Order Record",
    "110110": "Patient Record", "110111": "Procedure Record", "110112": "Query", "110113": "Security Alert",
    "110114": "User Authentication",
}  # fmt: skip
"""DICOM's event identifiers (PS3.16, CID 400): what stands in an EventID."""

EVENT_TYPES = {
    "110120": "Application Start", "110121": "Application Stop", "110122": "Login", "110123": "Logout",
    "110124": "Attach", "110125": "Detach", "110126": "Node Authentication", "110127": "Emergency Override Started",
    "110128": "Network Configuration", "110129": "Security Configuration", "110130": "Hardware Configuration",
    "110131": "Software Configuration", "110132": "Use of Restricted Function", "110133": "Audit Recording Stopped",
    "110134": "Audit Recording Started", "110135": "Object Security Attributes Changed",
    "110136": "Security Roles Changed", "110137": "User Security Attributes Changed",
    "110138": "Emergency Override Stopped", "110139": "Remote Service Operation Started",
    "110140": "Remote Service Operation Stopped", "110141": "Local Service Operation Started",
    "110142": "Local Service Operation Stopped",
}  # fmt: skip
"""DICOM's event type codes (PS3.16, CID 401): what stands in an EventTypeCode."""

LIFECYCLE = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle"
SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
RFC_3881 = "urn:ietf:rfc:3881"
IHE_TRANSACTIONS = "urn:ihe:event-type-code"

SYSTEMS = {
    "DCM": DCM, "1.2.840.10008.2.16.4": DCM, "IHE TRANSACTIONS": IHE_TRANSACTIONS, "IHE": IHE_TRANSACTIONS,
    "RFC-3881": RFC_3881, "RFC3881": RFC_3881, "2.16.840.1.113883.5.8": PURPOSE, "ACTREASON": PURPOSE,
}  # fmt: skip
"""Code systems as DICOM's `codeSystemName` has them, in capitals, to URIs."""
