"""The elements of FHIR resources that are read and written here: their order, their types, and which repeat.

XML needs this to become JSON and back: JSON says what is a list, a number or a boolean, XML says what comes first.
Sources: hl7.org/fhir/R4 and hl7.org/fhir/R5, the pages of AuditEvent, Bundle, OperationOutcome, CapabilityStatement and
of the data types.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Version = Literal["r4", "r5"]

_TABLE = {
    "Coding": "system version code display userSelected:boolean",
    "CodeableConcept": "coding*:Coding text",
    "Identifier": "use type:CodeableConcept system value period:Period assigner:Reference",
    "Reference": "reference type identifier:Identifier display",
    "Period": "start end",
    "Quantity": "value:decimal comparator unit system code",
    "Range": "low:Quantity high:Quantity",
    "Ratio": "numerator:Quantity denominator:Quantity",
    "Meta": "versionId lastUpdated source profile* security*:Coding tag*:Coding",
    "Narrative": "status div:xhtml",
    "Extension": "value[x]",
    "Element": "",
    "ContactPoint": "system value use rank:integer period:Period",
    "ContactDetail": "name telecom*:ContactPoint",
    "HumanName": "use text family given* prefix* suffix* period:Period",
    "AuditEvent": "",
    "AuditEvent r4": "type:Coding subtype*:Coding action period:Period recorded outcome outcomeDesc"
    " purposeOfEvent*:CodeableConcept agent*:agent_r4 source:source_r4 entity*:entity_r4",
    "agent_r4": "type:CodeableConcept role*:CodeableConcept who:Reference altId name requestor:boolean"
    " location:Reference policy* media:Coding network:network purposeOfUse*:CodeableConcept",
    "network": "address type",
    "source_r4": "site observer:Reference type*:Coding",
    "entity_r4": "what:Reference type:Coding role:Coding lifecycle:Coding securityLabel*:Coding name description query"
    " detail*:detail_r4",
    "detail_r4": "type value[x]",
    "AuditEvent r5": "category*:CodeableConcept code:CodeableConcept action severity occurred[x] recorded"
    " outcome:outcome authorization*:CodeableConcept basedOn*:Reference patient:Reference encounter:Reference"
    " agent*:agent_r5 source:source_r5 entity*:entity_r5",
    "outcome": "code:Coding detail*:CodeableConcept",
    "agent_r5": "type:CodeableConcept role*:CodeableConcept who:Reference requestor:boolean location:Reference policy*"
    " network[x] authorization*:CodeableConcept",
    "source_r5": "site:Reference observer:Reference type*:CodeableConcept",
    "entity_r5": "what:Reference role:CodeableConcept securityLabel*:CodeableConcept query detail*:detail_r5"
    " agent*:agent_r5",
    "detail_r5": "type:CodeableConcept value[x]",
    "Bundle": "identifier:Identifier type timestamp total:integer link*:link entry*:entry",
    "link": "relation url",
    "entry": "link*:link fullUrl resource:Resource search:search request:request response:response",
    "search": "mode score:decimal",
    "request": "method url ifNoneMatch ifModifiedSince ifMatch ifNoneExist",
    "response": "status location etag lastModified outcome:Resource",
    "OperationOutcome": "issue*:issue",
    "issue": "severity code details:CodeableConcept diagnostics location* expression*",
    "CapabilityStatement": "url version name title status experimental:boolean date publisher contact*:ContactDetail"
    " description kind instantiates* imports* software:software implementation:implementation fhirVersion format*"
    " patchFormat* implementationGuide* rest*:rest",
    "software": "name version releaseDate",
    "implementation": "description url",
    "rest": "mode documentation security:security resource*:served interaction*:interaction searchParam*:parameter",
    "security": "cors:boolean service*:CodeableConcept description",
    "served": "type profile supportedProfile* documentation interaction*:interaction versioning readHistory:boolean"
    " updateCreate:boolean conditionalCreate:boolean searchInclude* searchRevInclude* searchParam*:parameter",
    "interaction": "code documentation",
    "parameter": "name definition type documentation",
}
"""Type to its elements: `name`, `*` if it repeats, `:type` if it isn't a primitive that JSON writes as a string."""

RESOURCES = frozenset({"AuditEvent", "Bundle", "OperationOutcome", "CapabilityStatement"})
PRIMITIVES = frozenset({"", "boolean", "integer", "decimal", "xhtml"})

_RESOURCE = "id meta:Meta implicitRules language text:Narrative contained*:Resource "
_ELEMENT = "extension*:Extension modifierExtension*:Extension "
_TOKEN = re.compile(r"(\w+)(\[x\])?(\*)?(?::(\w+))?")
_CHOICES = ("String", "Uri", "Reference", "DateTime", "Period", "Base64Binary", "CodeableConcept", "Quantity", "Boolean",
            "Integer", "Range", "Ratio", "Time")  # fmt: skip
_NUMBERS = {"Boolean": "boolean", "Integer": "integer", "PositiveInt": "integer", "UnsignedInt": "integer",
            "Decimal": "decimal"}  # fmt: skip


class Field(NamedTuple):
    """An element of a type."""

    type: str
    many: bool


def _fields(kind: str, written: str) -> dict[str, Field]:
    own = (_RESOURCE if kind.split(maxsplit=1)[0] in RESOURCES else "") + _ELEMENT + written
    found = {}
    for name, choice, many, of in _TOKEN.findall(own):
        for ending in _CHOICES if choice else ("",):
            found[name + ending] = Field(choice_type(ending) if choice else of, bool(many))
    return found


def choice_type(ending: str) -> str:
    """Name the type of `value[x]` by what follows `value`.

    >>> choice_type("Period"), choice_type("Boolean"), choice_type("Uri")
    ('Period', 'boolean', '')
    """
    return ending if ending in _TABLE else _NUMBERS.get(ending, "")


FIELDS: dict[str, dict[str, Field]] = {kind: _fields(kind, written) for kind, written in _TABLE.items()}
"""Type to its elements in their order."""

KNOWN = {
    kind: frozenset({"resourceType", "id"} | fields.keys() | {"_" + name for name in fields})
    for kind, fields in FIELDS.items()
}
"""Type to the names that its JSON may have."""

_R4 = frozenset(FIELDS["AuditEvent r4"]) - frozenset(FIELDS["AuditEvent r5"])
_R5 = frozenset(FIELDS["AuditEvent r5"]) - frozenset(FIELDS["AuditEvent r4"])
_R4_AGENT = frozenset(FIELDS["agent_r4"]) - frozenset(FIELDS["agent_r5"])
_R5_AGENT = frozenset(FIELDS["agent_r5"]) - frozenset(FIELDS["agent_r4"])


def version_of(names: set[str], agent_names: set[str], *, outcome_nested: bool, promised: str = "") -> Version:
    """Tell R4 from R5 by the names of an event's and its agents' elements; by the content type's promise if they don't.

    >>> version_of({"type", "outcome"}, set(), outcome_nested=False), version_of({"code"}, set(), outcome_nested=True)
    ('r4', 'r5')
    """
    fives = len(names & _R5) + len(agent_names & _R5_AGENT) + outcome_nested
    fours = len(names & _R4) + len(agent_names & _R4_AGENT) + ("outcome" in names and not outcome_nested)
    if fives == fours:
        return "r5" if promised.startswith("5") else "r4"
    return "r5" if fives > fours else "r4"


def kind_of(resource: str, version: Version) -> str:
    """Name the type in `FIELDS` of a resource."""
    return f"AuditEvent {version}" if resource == "AuditEvent" else resource
