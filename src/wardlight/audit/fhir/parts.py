"""From FHIR's JSON, of whatever shape, to the parts of an event; what is odd is noted and never refused."""

from __future__ import annotations

from typing import Any

import msgspec

from wardlight.audit.event import Agent, Coding, Concept, Detail, Entity, Identifier, Reference, Source
from wardlight.audit.fhir import names
from wardlight.audit.fhir.elements import KNOWN, Version

Json = dict[str, Any]


class Parts:
    """Reads one event's parts; both versions' names are understood in either. `odd` has the deviations found so far."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.odd: dict[str, None] = {}

    def note(self, deviation: str) -> None:
        """Note something odd."""
        self.odd[deviation] = None

    def known(self, data: Json, kind: str) -> None:
        """Note it if there is an element that this version's type lacks."""
        if not data.keys() <= KNOWN[kind]:
            self.note("element")

    def text(self, data: Json, name: str) -> str:
        """Read a string; a number or a boolean as it is written in JSON, the first of a list."""
        value = data.get(name)
        if value is None or type(value) is str:
            return value or ""
        self.note("shape")
        first = value[0] if isinstance(value, list) and value else value
        return "" if isinstance(first, dict | list) else written(first)

    def texts(self, data: Json, name: str) -> list[str]:
        """Read a list of strings."""
        value = data.get(name)
        if value is None:
            return []
        listed = value if isinstance(value, list) else [value]
        found = [one for one in listed if isinstance(one, str)]
        if listed is not value or len(found) != len(listed):
            self.note("shape")
        return found

    def one(self, data: Json, name: str) -> Json | None:
        """Read an object, or the first of a list of objects."""
        value = data.get(name)
        if value is None or type(value) is dict:
            return value
        self.note("shape")
        return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else None

    def many(self, data: Json, name: str) -> list[Json]:
        """Read a list of objects, or a lone one."""
        value = data.get(name)
        if value is None:
            return []
        listed = value if isinstance(value, list) else [value]
        found = [one for one in listed if type(one) is dict]
        if listed is not value or len(found) != len(listed):
            self.note("shape")
        return found

    def coding(self, data: Json | None) -> Coding | None:
        """Read a Coding, or a CodeableConcept as its first code, else its words."""
        if not data:
            return None
        if "coding" in data or "text" in data:
            concept = self.concept(data)
            return concept.coding[0] if concept.coding else Coding(display=concept.text)
        return Coding(self.text(data, "system"), self.text(data, "code"), self.text(data, "display"))

    def concept(self, data: Json) -> Concept:
        """Read a CodeableConcept, or a Coding as one."""
        if "coding" in data or "text" in data:
            codes = [code for code in map(self.coding, self.many(data, "coding")) if code is not None]
            return Concept(codes, self.text(data, "text"))
        code = self.coding(data)
        return Concept([code] if code is not None else [])

    def concepts(self, data: Json, name: str, *, lone: bool = False) -> list[Concept]:
        """Read a list of either, or one that is `lone`."""
        value = data.get(name)
        if value is None:
            return []
        if lone != (type(value) is dict):
            self.note("shape")
        return [self.concept(one) for one in ([value] if type(value) is dict else self.many(data, name))]

    def reference(self, data: Json | None) -> Reference | None:
        """Read a Reference."""
        if not data:
            return None
        given = self.one(data, "identifier")
        return Reference(
            self.text(data, "reference"),
            self.text(data, "type"),
            self.identifier(given) if given else None,
            self.text(data, "display"),
        )

    def identifier(self, data: Json) -> Identifier:
        """Read an Identifier."""
        kind = self.one(data, "type")
        return Identifier(self.text(data, "system"), self.text(data, "value"), self.concept(kind) if kind else None)

    def extensions(self, data: Json) -> dict[str, list[Any]]:
        """Read an element's extensions: their values by their URLs."""
        found: dict[str, list[Any]] = {}
        if "extension" in data:
            for one in self.many(data, "extension"):
                value = next((value for name, value in one.items() if name.startswith("value")), None)
                found.setdefault(self.text(one, "url"), []).append(value)
        return found

    def agent(self, data: Json) -> Agent:
        """Read an agent: of the event, or of an entity."""
        self.known(data, "agent_r4" if self.version == "r4" else "agent_r5")
        more = self.extensions(data)
        network, network_type = self.network(data, more)
        kind, requestor = self.one(data, "type"), data.get("requestor")
        if requestor is not None and not isinstance(requestor, bool):
            self.note("shape")
            requestor = {"true": True, "false": False}.get(str(requestor).lower())
        return Agent(
            type=self.concept(kind) if kind else None,
            role=self.concepts(data, "role"),
            who=self.reference(self.one(data, "who")),
            alt_id=self.text(data, "altId") or self.text(_object(more, names.ALT_ID), "value"),
            name=self.text(data, "name") or _string(more, names.AGENT_NAME),
            requestor=requestor,
            location=self.reference(self.one(data, "location")),
            policy=self.texts(data, "policy"),
            media=self.coding(self.one(data, "media") or _object(more, names.AGENT_MEDIA)),
            network=network,
            network_type=network_type,
            purpose=self.concepts(data, "purposeOfUse") + self.concepts(data, "authorization"),
        )

    def network(self, data: Json, more: dict[str, list[Any]]) -> tuple[str, str]:
        """Read where an agent is: the address and DICOM's code of its kind."""
        if (given := self.one(data, "network")) is not None:
            address, kind = self.text(given, "address"), self.text(given, "type")
        elif "networkUri" in data:
            address, kind = self.text(data, "networkUri"), "5"
        else:
            endpoint = self.reference(self.one(data, "networkReference"))
            named = endpoint.reference or endpoint.display if endpoint else ""
            address, kind = self.text(data, "networkString") or named, _string(more, names.NETWORK_TYPE)
        if kind and kind not in names.NETWORK_TYPES:
            self.note("code")
        return address, kind

    def source(self, data: Json) -> Source:
        """Read who reported the event."""
        self.known(data, "source_r4" if self.version == "r4" else "source_r5")
        site = data.get("site")
        if isinstance(site, dict):
            place = self.reference(site) or Reference()
            named = place.display or (place.identifier.value if place.identifier else "") or place.reference
        else:
            named = self.text(data, "site")
        return Source(named, self.reference(self.one(data, "observer")), self.concepts(data, "type"))

    def entity(self, data: Json) -> Entity:
        """Read what was acted upon."""
        self.known(data, "entity_r4" if self.version == "r4" else "entity_r5")
        more = self.extensions(data)
        return Entity(
            what=self.reference(self.one(data, "what")),
            type=self.coding(self.one(data, "type") or _object(more, names.ENTITY_KIND)),
            role=self.coding(self.one(data, "role")),
            lifecycle=self.coding(self.one(data, "lifecycle") or _object(more, names.ENTITY_LIFECYCLE)),
            security_label=self.concepts(data, "securityLabel"),
            name=self.text(data, "name") or _string(more, names.ENTITY_NAME),
            description=self.text(data, "description") or _string(more, names.ENTITY_DESCRIPTION),
            query=self.text(data, "query"),
            detail=[self.detail(one) for one in self.many(data, "detail")],
            agent=[self.agent(one) for one in self.many(data, "agent")],
        )

    def detail(self, data: Json) -> Detail:
        """Read one more property of an entity; a value that isn't plain is kept as its words, else as its JSON."""
        kind = data.get("type")
        named = words(self.concept(kind)) if isinstance(kind, dict) else self.text(data, "type")
        key = next((name for name in data if name.startswith("value")), "")
        value = data.get(key)
        if key == "valueCodeableConcept" and isinstance(value, dict):
            return Detail(named, words(self.concept(value)))
        return Detail(named, written(value), key == "valueBase64Binary")


def written(value: Any) -> str:
    """Write any JSON value as a string: a string as itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def words(concept: Concept) -> str:
    """Say what a concept means, in its own words, else by its first code.

    >>> words(Concept([Coding("urn:x", "7", "seven")])), words(Concept([], "some"))
    ('seven', 'some')
    """
    first = concept.coding[0] if concept.coding else Coding()
    return concept.text or first.display or first.code


def _object(more: dict[str, list[Any]], url: str) -> Json:
    value = more[url][0] if url in more else None
    return value if isinstance(value, dict) else {}


def _string(more: dict[str, list[Any]], url: str) -> str:
    value = more[url][0] if url in more else None
    return value if isinstance(value, str) else ""
