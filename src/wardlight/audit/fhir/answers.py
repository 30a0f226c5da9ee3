"""The resources that answer a reader or a sender: Bundle, OperationOutcome, CapabilityStatement (R4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wardlight import __version__
from wardlight.audit import instants
from wardlight.audit.event import Entry
from wardlight.audit.fhir.names import DEVIATIONS
from wardlight.problems import Problem

Json = dict[str, Any]

SEARCHES = {
    "_id": "token",
    "_lastUpdated": "date",
    "date": "date",
    "address": "string",
    "agent.identifier": "token",
    "patient.identifier": "token",
    "entity.identifier": "token",
    "entity-type": "token",
    "entity-role": "token",
    "source.identifier": "token",
    "type": "token",
    "subtype": "token",
    "outcome": "token",
    "patient": "reference",
    "agent": "reference",
    "action": "token",
    "purpose": "token",
}
"""The search parameters of ITI-81 (IHE ITI TF-2: 3.81), and what people ask besides; name to type."""

_ISSUES = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 409: "conflict", 413: "too-long",
    415: "not-supported", 429: "throttled", 499: "incomplete", 503: "transient", 504: "timeout",
}  # fmt: skip
"""HTTP status to FHIR's issue type."""


def bundle(resources: Iterable[Json], base_url: str, links: Mapping[str, str], total: int | None = None) -> Json:
    """Wrap what a search found.

    `base_url` is where FHIR is served, without a slash at the end; `links` has URLs by relation (`self`, `next`).
    """
    base = base_url.rstrip("/")
    entries = [
        {"fullUrl": f"{base}/AuditEvent/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in resources
    ]
    found: Json = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        found["total"] = total
    found["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]
    # An empty list isn't allowed in FHIR's JSON.
    return {**found, "entry": entries} if entries else found


def response(kind: str, entries: Sequence[Entry], indices: Sequence[int]) -> Json:
    """Answer a Bundle of type `kind`: an entry each, in its order, with where it is now and what is odd about it."""
    answered = "transaction-response" if kind == "transaction" else "batch-response"
    found: Json = {"resourceType": "Bundle", "type": answered}
    if entries:
        found["entry"] = [{"response": _kept(*one)} for one in zip(entries, indices, strict=True)]
    return found


def _kept(entry: Entry, index: int) -> Json:
    at = instants.write(entry.received)
    kept: Json = {"status": "201 Created", "location": f"AuditEvent/{index}", "lastModified": at}
    return {**kept, "outcome": noted(entry.deviation)} if entry.deviation else kept


def noted(deviations: Iterable[str]) -> Json:
    """Tell a sender what is odd about an event that was kept."""
    issues = [
        {"severity": "warning", "code": "invalid", "details": {"text": word}, "diagnostics": DEVIATIONS.get(word, word)}
        for word in deviations
    ]
    return {"resourceType": "OperationOutcome", "issue": issues or [_all_well()]}


def _all_well() -> Json:
    return {"severity": "information", "code": "informational", "diagnostics": "kept; nothing is odd about it"}


def outcome(problem: Problem) -> Json:
    """Tell what went wrong."""
    code = _ISSUES.get(problem.status, "exception")
    issue = {"severity": "fatal" if code == "exception" else "error", "code": code, "diagnostics": str(problem)}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def capability(base_url: str) -> Json:
    """Say what is served at `base_url`: IHE's Audit Record Repository with the option Retrieve Audit Message."""
    interactions = ({"code": code} for code in ("create", "read", "search-type"))
    served = {
        "type": "AuditEvent",
        "documentation": "R4 and R5 are taken; what is odd is kept, and its deviations are tags in meta.",
        "interaction": list(interactions),
        "versioning": "no-version",
        "searchParam": [{"name": name, "type": kind} for name, kind in SEARCHES.items()],
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        # The day this statement last changed, not the day it is asked for.
        "date": "2026-01-01",
        "kind": "instance",
        "software": {"name": "Wardlight", "version": __version__},
        "implementation": {"description": "Wardlight's audit trail", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "resource": [served],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }
