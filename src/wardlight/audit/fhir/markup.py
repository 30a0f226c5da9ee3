"""FHIR's XML to FHIR's JSON and back (hl7.org/fhir/xml.html, hl7.org/fhir/json.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from wardlight.audit import xml
from wardlight.audit.fhir.elements import FIELDS, PRIMITIVES, Field, Version, choice_type, kind_of, version_of
from wardlight.problems import BadInput

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_CHOICE = re.compile(r"(?:value|defaultValue)([A-Z]\w*)")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNKNOWN = Field("Unknown", many=False)


def local(tag: str) -> str:
    """Return a tag's name without its namespace."""
    return tag.rpartition("}")[2]


def text_of(element: Element) -> str:
    """Write an element as a document of its own, with its namespaces."""
    return tostring(_plain(element, ""), encoding="unicode")


def _plain(element: Element, inherited: str) -> Element:
    """Copy with namespaces as `xmlns`, as people write them; ElementTree would make up prefixes."""
    namespace, _, name = element.tag.rpartition("}")
    copy = Element(name, element.attrib)
    if namespace[1:] != inherited:
        copy.set("xmlns", namespace[1:])
    copy.text = element.text
    for child in element:
        inner = _plain(child, namespace[1:])
        inner.tail = child.tail
        copy.append(inner)
    return copy


def from_xml(element: Element) -> dict[str, Any]:
    """Read a resource's element as the JSON of the same resource; what isn't in the table is read as it looks."""
    name = local(element.tag)
    kind = kind_of(name, _version(element)) if name == "AuditEvent" else name
    return {"resourceType": name, **_object(element, kind)}


def _version(element: Element) -> Version:
    """Tell the version of an AuditEvent's element as `version_of` does it for JSON."""
    names = {local(child.tag) for child in element}
    agents = {local(inner.tag) for child in element if local(child.tag) == "agent" for inner in child}
    nested = any(local(child.tag) == "outcome" and "value" not in child.attrib for child in element)
    return version_of(names, agents, outcome_nested=nested)


def _object(element: Element, kind: str) -> dict[str, Any]:
    fields = FIELDS.get(kind, {})
    found: dict[str, Any] = {name: element.attrib[name] for name in ("id", "url") if name in element.attrib}
    for child in element:
        name = local(child.tag)
        field = fields.get(name) or _guess(child, name)
        if child.tag.startswith("{" + XHTML):
            _put(found, name, field, text_of(child).strip())
        elif field.type == "Resource":
            for inner in child:
                _put(found, name, field, from_xml(inner))
        elif field.type not in PRIMITIVES:
            _put(found, name, field, _object(child, field.type))
        else:
            _put(found, name, field, _literal(child.attrib.get("value"), field.type), _shadow(child))
    return found


def _guess(child: Element, name: str) -> Field:
    """Say what an element that the table lacks is, by its look."""
    choice = _CHOICE.fullmatch(name)
    kind = choice_type(choice[1]) if choice else ""
    return Field(kind, many=False) if kind or "value" in child.attrib else _UNKNOWN


def _put(found: dict[str, Any], name: str, field: Field, value: Any, shadow: dict[str, Any] | None = None) -> None:
    """Add a value; one that repeats although it shouldn't becomes a list, so that it is noticed and nothing is lost."""
    if not field.many and name not in found:
        if value is not None:
            found[name] = value
        if shadow:
            found["_" + name] = shadow
        return
    values = found.setdefault(name, [])
    if not isinstance(values, list):
        values = found[name] = [values]
    values.append(value)
    if shadow:
        beside = found.setdefault("_" + name, [])
        if isinstance(beside, list):
            beside.extend([None] * (len(values) - 1 - len(beside)))
            beside.append(shadow)


def _shadow(child: Element) -> dict[str, Any] | None:
    """Read what a primitive has besides its value: an id and extensions."""
    return _object(child, "Element") if len(child) or "id" in child.attrib else None


def _literal(value: str | None, kind: str) -> Any:
    """Read a primitive; what doesn't fit its type stays a string."""
    if value is None or kind == "":
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    if kind == "integer" and _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if kind == "decimal" and _DECIMAL.fullmatch(value) else value


def to_xml(resource: dict[str, Any]) -> bytes:
    """Write a resource of FHIR's JSON as XML; elements that the table lacks come last, as they are."""
    root = _resource(resource)
    root.set("xmlns", FHIR)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode").encode()


def _resource(resource: dict[str, Any]) -> Element:
    name = str(resource.get("resourceType", ""))
    kind = kind_of(name, resource_version(resource)) if name == "AuditEvent" else name
    root = Element(name if _NAME.fullmatch(name) else "Resource")
    _fill(root, {key: value for key, value in resource.items() if key != "resourceType"}, kind)
    return root


def resource_version(resource: dict[str, Any], promised: str = "") -> Version:
    """Tell the version of an AuditEvent in JSON."""
    agents = resource.get("agent")
    listed = agents if isinstance(agents, list) else [agents]
    names = {name for agent in listed if isinstance(agent, dict) for name in agent}
    nested = isinstance(resource.get("outcome"), dict)
    return version_of(set(resource), names, outcome_nested=nested, promised=promised)


def _fill(parent: Element, data: dict[str, Any], kind: str) -> None:
    fields = FIELDS.get(kind, {})
    if kind == "Extension" and isinstance(data.get("url"), str):
        parent.set("url", _clean(data["url"]))
    if "id" not in fields and isinstance(data.get("id"), str):
        parent.set("id", _clean(data["id"]))
    skipped = {name for name in ("id", "url") if parent.get(name) is not None}
    named = [name.removeprefix("_") for name in data]
    for name in [*(name for name in fields if name in named), *dict.fromkeys(n for n in named if n not in fields)]:
        if name not in skipped and _NAME.fullmatch(name):
            for value, shadow in _pairs(data.get(name), data.get("_" + name)):
                _child(parent, name, fields.get(name), value, shadow)


def _pairs(value: Any, shadow: Any) -> Iterator[tuple[Any, Any]]:
    values = value if isinstance(value, list) else [value]
    shadows = shadow if isinstance(shadow, list) else [shadow]
    for at in range(max(len(values), len(shadows))):
        yield values[at] if at < len(values) else None, shadows[at] if at < len(shadows) else None


def _child(parent: Element, name: str, field: Field | None, value: Any, shadow: Any) -> None:
    if value is None and not isinstance(shadow, dict):
        return
    if name == "div" and isinstance(value, str):
        parent.append(_div(value))
        return
    child = SubElement(parent, name)
    if isinstance(value, dict):
        if "resourceType" in value:
            child.append(_resource(value))
        else:
            choice = _CHOICE.fullmatch(name)
            _fill(child, value, field.type if field else choice_type(choice[1]) if choice else "Unknown")
    elif value is not None and not isinstance(value, list):
        child.set("value", str(value).lower() if isinstance(value, bool) else _clean(str(value)))
    if isinstance(shadow, dict):
        _fill(child, shadow, "Element")


def _div(written: str) -> Element:
    """Return a narrative's markup; what isn't well-formed XHTML is shown as the text that it is."""
    try:
        found = xml.parse(written)
    except BadInput:
        found = None
    if found is not None and local(found.tag) == "div":
        return _plain(found, "")
    div = Element("div", {"xmlns": XHTML})
    div.text = _clean(written)
    return div


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
