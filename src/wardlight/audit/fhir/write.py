"""An entry of the ledger as the resource that a reader of FHIR gets."""

from __future__ import annotations

from typing import Any

from wardlight.audit import instants, xml
from wardlight.audit.event import Entry
from wardlight.audit.fhir import markup, names
from wardlight.audit.fhir.elements import Version
from wardlight.audit.fhir.read import loads
from wardlight.audit.fhir.render import render
from wardlight.problems import BadInput


def write(entry: Entry, index: int, version: Version) -> dict[str, Any]:
    """Write the entry with this index in the ledger as an AuditEvent of a version.

    What came as that version comes back as it was sent, everything else is rendered. `id` is the index,
    `meta.lastUpdated` when it was received; the sender's id and the deviations are tags in `meta`.
    """
    sent = _as_sent(entry, version) or render(entry, version)
    given = sent.get("meta")
    meta = {**given} if isinstance(given, dict) else {}
    meta["lastUpdated"] = instants.write(entry.received)
    tags = [{"system": names.DEVIATION, "code": word} for word in entry.deviation]
    if entry.event.id:
        tags.append({"system": names.SENT_ID, "code": entry.event.id})
    if tags:
        others = meta.get("tag")
        meta["tag"] = [*(others if isinstance(others, list) else ()), *tags]
    return {**sent, "resourceType": "AuditEvent", "id": str(index), "meta": meta}


def _as_sent(entry: Entry, version: Version) -> dict[str, Any] | None:
    """Return what was sent, if it was of that version and is kept whole."""
    if not entry.original or not entry.format.startswith("fhir-" + version):
        return None
    try:
        found = loads(entry.original) if entry.format.endswith("+json") else markup.from_xml(xml.parse(entry.original))
    except BadInput:
        return None
    return found if isinstance(found, dict) else None
