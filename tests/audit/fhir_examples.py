"""The examples of `shared/conformance/audit`, and how the tests of FHIR look at them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from wardlight.audit.event import AuditEvent, Entry
from wardlight.audit.fhir import read
from wardlight.audit.fhir.elements import Version

FOLDER = Path(os.environ.get("WARDLIGHT_CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance")) / "audit"
NOW = 1_750_000_000 * 10**9
JSON = [
    *((path, "r4") for path in sorted(FOLDER.glob("fhir-r4-hl7/*.json"))),
    *((path, "r4") for path in sorted(FOLDER.glob("balp-r4/*.json"))),
    *((path, "r5") for path in sorted(FOLDER.glob("fhir-r5-hl7/*.json"))),
]
XML = [(path, "r4") for path in sorted(FOLDER.glob("ch-atc/atc-*.xml"))]
ABSENT = "the conformance folder is not here"

EVENT: dict[str, Any] = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"},
    "recorded": "2025-01-01T00:00:00Z",
    "agent": [{"who": {"identifier": {"system": "urn:staff", "value": "ann"}}, "requestor": True}],
    "source": {"observer": {"display": "EHR"}},
}
"""An event of R4 with what is demanded, and no more."""
EVENT_5: dict[str, Any] = {
    "resourceType": "AuditEvent",
    "code": {"coding": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "read"}]},
    "recorded": "2025-01-01T00:00:00Z",
    "agent": [{"who": {"identifier": {"system": "urn:staff", "value": "ann"}}}],
    "source": {"observer": {"display": "EHR"}},
}


def entry_of(body: bytes | dict[str, Any], content_type: str = "application/fhir+json") -> Entry:
    """Read a body that is one event."""
    found = read(body if isinstance(body, bytes) else msgspec.json.encode(body), content_type, NOW)
    assert found.bundle is None
    (entry,) = found.entries
    return entry


def event_of(resource: dict[str, Any]) -> AuditEvent:
    """Read a resource back, without what it has besides the event."""
    return msgspec.structs.replace(entry_of(resource).event, id="")


def rendered(entry: Entry) -> Entry:
    """Forget what was sent, so that it has to be written from what was understood."""
    return msgspec.structs.replace(entry, original="", event=msgspec.structs.replace(entry.event, id=""))


def other(version: Version) -> Version:
    return "r5" if version == "r4" else "r4"
