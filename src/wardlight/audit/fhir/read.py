"""What a sender posts, read as entries: an AuditEvent or a Bundle of them, R4 or R5, JSON or XML.

Nothing that came is refused for being odd: what breaks the standard is kept with its deviations, and what can't be read
at all as raw text. Only an empty body and one beyond the limits are.
"""

from __future__ import annotations

import re
from typing import Any, Literal, cast

import msgspec

from wardlight.audit import instants, xml
from wardlight.audit.event import AuditEvent, Coding, Concept, Entry, Format
from wardlight.audit.fhir import markup, names
from wardlight.audit.fhir.parts import Json, Parts
from wardlight.problems import BadInput, TooLarge

MAX_BYTES = xml.MAX_BYTES
MAX_DEPTH = 64
MAX_ENTRIES = 10_000
"""Of a Bundle."""

_YEAR_1971 = 31_536_000 * 10**9
_HOUR = 3600 * 10**9
_PROMISE = re.compile(r"fhirVersion\s*=\s*\"?(\d)", re.IGNORECASE)
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C's trace context, as the Swiss profile CH-ATC has it as an entity's identifier."""


class Submission(msgspec.Struct, frozen=True):
    """What came: entries in its order, and the type of the Bundle that they came in (`batch`, `transaction` …)."""

    entries: list[Entry]
    bundle: str | None = None


class _Head(msgspec.Struct):
    """What tells a Bundle from an event; its entries aren't read yet."""

    resourceType: Any = None  # noqa: N815 -- FHIR's name
    type: Any = None
    entry: msgspec.Raw = msgspec.Raw(b"[]")


class _Slot(msgspec.Struct):
    """An entry of a Bundle; `resource` is as it was sent."""

    resource: msgspec.Raw


def read(body: bytes, content_type: str, received_ns: int) -> Submission:
    """Read a body; `received_ns` is nanoseconds since 1970.

    JSON or XML is told by the first character, the version by the elements; the content type's `fhirVersion` decides
    where these don't. Raises BadInput for an empty body, TooLarge beyond `MAX_BYTES` or `MAX_ENTRIES`.
    """
    if not body or body.isspace():
        raise BadInput("the body is empty; send an AuditEvent, or a Bundle of them, as JSON or XML")
    if len(body) > MAX_BYTES:
        raise TooLarge(f"the body is larger than {MAX_BYTES} bytes; send fewer events in a Bundle")
    promise = _PROMISE.search(content_type)
    try:
        text, odd = body.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return _read(body.decode("latin-1"), _Reader(received_ns, promise[1] if promise else "", ("not_utf8",)))
    return _read(text, _Reader(received_ns, promise[1] if promise else "", odd))


def _read(text: str, reader: _Reader) -> Submission:
    try:
        return _read_xml(text, reader) if text.lstrip().startswith("<") else _read_json(text, reader)
    except TooLarge:
        raise
    except BadInput:
        return Submission([reader.raw(text)])


def _read_xml(text: str, reader: _Reader) -> Submission:
    root = xml.parse(text)
    if markup.local(root.tag) != "Bundle":
        return Submission([reader.entry(markup.from_xml(root), text, "xml")])
    slots = [child for child in root if markup.local(child.tag) == "entry"]
    _bounded(len(slots))
    found = []
    for slot in slots:
        resource = next((inner for child in slot if markup.local(child.tag) == "resource" for inner in child), None)
        if resource is None:
            found.append(reader.raw(markup.text_of(slot)))
        else:
            found.append(reader.entry(markup.from_xml(resource), markup.text_of(resource), "xml"))
    kind = next((child.get("value", "") for child in root if markup.local(child.tag) == "type"), "")
    return Submission(found, kind)


def _read_json(text: str, reader: _Reader) -> Submission:
    head = _decode(text, _Head)
    if head.resourceType != "Bundle":
        return Submission([reader.entry(loads(text), text, "json")])
    slots = _decode(head.entry, list[msgspec.Raw])
    _bounded(len(slots))
    return Submission([_read_slot(slot, reader) for slot in slots], head.type if isinstance(head.type, str) else "")


def _read_slot(slot: msgspec.Raw, reader: _Reader) -> Entry:
    text = bytes(slot).decode()
    try:
        text = bytes(_decode(slot, _Slot).resource).decode()
        return reader.entry(loads(text), text, "json")
    except BadInput:
        return reader.raw(text)


def _bounded(entries: int) -> None:
    if entries > MAX_ENTRIES:
        raise TooLarge(f"the Bundle has more than {MAX_ENTRIES} entries; send it as several")


def loads(text: str) -> Any:
    """Read JSON of at most `MAX_DEPTH` levels. Raises BadInput."""
    found = _decode(text, Any)
    # Fewer brackets than levels: no need to look.
    if text.count("{") + text.count("[") > MAX_DEPTH:
        level, depth = [found], 0
        while level:
            if depth >= MAX_DEPTH:
                raise BadInput(f"the JSON is nested deeper than {MAX_DEPTH}")
            depth += 1
            level = [inner for one in level for inner in _inside(one)]
    return found


def _inside(value: Any) -> list[Any]:
    if type(value) is dict:
        return [inner for inner in value.values() if type(inner) in (dict, list)]
    return [inner for inner in value if type(inner) in (dict, list)] if type(value) is list else []


def _decode(text: str | msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput(f"not JSON that can be read: {error}") from None


class _Reader:
    """Makes entries of what came in one body."""

    def __init__(self, received: int, promised: str, odd: tuple[str, ...]) -> None:
        self.received = received
        self.promised = promised
        self.odd = odd

    def raw(self, text: str) -> Entry:
        """Keep what can't be read."""
        return Entry(
            received=self.received,
            format="raw",
            event=AuditEvent(),
            deviation=["unreadable", *self.odd],
            original=text,
        )

    def entry(self, data: Any, original: str, encoding: Literal["json", "xml"]) -> Entry:
        """Make an entry of a resource in FHIR's JSON."""
        named = isinstance(data, dict) and data.get("resourceType") == "AuditEvent"
        if not named and not (
            isinstance(data, dict) and "resourceType" not in data and {"agent", "recorded"} <= data.keys()
        ):
            return self.raw(original)
        parts = Parts(markup.resource_version(data, self.promised))
        if not named:
            parts.note("unnamed")
        event = _event(data, parts)
        _lacking(event, parts, data, self.received)
        return Entry(
            received=self.received,
            format=cast("Format", f"fhir-{parts.version}+{encoding}"),
            event=event,
            deviation=[*self.odd, *parts.odd],
            original=original,
            trace_id=_trace(event),
        )


def _event(data: Json, parts: Parts) -> AuditEvent:
    parts.known(data, f"AuditEvent {parts.version}")
    more = parts.extensions(data)
    outcome, detail = _outcome(data, parts)
    start, end = _occurred(data, parts)
    source = parts.one(data, "source")
    return AuditEvent(
        id=parts.text(data, "id"),
        recorded=_recorded(data, parts),
        type=parts.concepts(data, "type", lone=True) + parts.concepts(data, "category"),
        subtype=parts.concepts(data, "subtype") + parts.concepts(data, "code", lone=True),
        action=parts.text(data, "action"),
        severity=parts.text(data, "severity") or "".join(_strings(more, names.SEVERITY)[:1]),
        start=start,
        end=end,
        outcome=outcome,
        outcome_text=parts.text(data, "outcomeDesc"),
        outcome_detail=detail + [parts.concept(one) for one in _objects(more, names.OUTCOME_DETAIL)],
        purpose=parts.concepts(data, "purposeOfEvent") + parts.concepts(data, "authorization"),
        based_on=[
            found
            for one in [*parts.many(data, "basedOn"), *_objects(more, names.BASED_ON)]
            if (found := parts.reference(one)) is not None
        ],
        patient=parts.reference(parts.one(data, "patient") or _first(more, names.PATIENT)),
        encounter=parts.reference(parts.one(data, "encounter") or _first(more, names.ENCOUNTER)),
        agent=[parts.agent(one) for one in parts.many(data, "agent")],
        source=parts.source(source) if source is not None else None,
        entity=[parts.entity(one) for one in parts.many(data, "entity")],
    )


def _outcome(data: Json, parts: Parts) -> tuple[str, list[Concept]]:
    given = data.get("outcome")
    if not isinstance(given, dict):
        return parts.text(data, "outcome"), []
    code = parts.coding(parts.one(given, "code")) or Coding()
    translated = names.SEVERITY_OUTCOMES.get(code.code, code.code) if code.system == names.ISSUE_SEVERITY else code.code
    return translated, parts.concepts(given, "detail")


def _occurred(data: Json, parts: Parts) -> tuple[str, str]:
    period = parts.one(data, "period") or parts.one(data, "occurredPeriod")
    if period:
        return parts.text(period, "start"), parts.text(period, "end")
    moment = parts.text(data, "occurredDateTime")
    return moment, moment


def _recorded(data: Json, parts: Parts) -> int:
    written = parts.text(data, "recorded")
    found = instants.parse(written)
    if written and (found is None or not instants.has_zone(written)):
        parts.note("timestamp")
    return found or 0


def _lacking(event: AuditEvent, parts: Parts, data: Json, received: int) -> None:
    """Note what the version demands and the event lacks, and codes that aren't the standard's."""
    if not data.get("recorded"):
        parts.note("recorded")
    elif not _YEAR_1971 <= event.recorded <= received + _HOUR:
        parts.note("timestamp")
    four = parts.version == "r4"
    if not (event.type if four else event.subtype):
        parts.note("type")
    if not event.agent:
        parts.note("agent")
    if four and any(agent.requestor is None for agent in event.agent):
        parts.note("requestor")
    if not four and any(agent.who is None for agent in event.agent):
        parts.note("who")
    if event.source is None:
        parts.note("source")
    elif event.source.observer is None:
        parts.note("observer")
    coded = ((event.action, names.ACTIONS), (event.outcome, names.OUTCOMES), (event.severity, names.SEVERITIES))
    if any(code and code not in allowed for code, allowed in coded):
        parts.note("code")


def _trace(event: AuditEvent) -> str:
    """Find the trace that the event belongs to, if an entity carries its context."""
    for entity in event.entity:
        if entity.what is not None and entity.what.identifier is not None:
            found = _TRACE.fullmatch(entity.what.identifier.value)
            if found:
                return found[1]
    return ""


def _objects(more: dict[str, list[Any]], url: str) -> list[Json]:
    return [one for one in more.get(url, ()) if isinstance(one, dict)]


def _first(more: dict[str, list[Any]], url: str) -> Json | None:
    return next(iter(_objects(more, url)), None)


def _strings(more: dict[str, list[Any]], url: str) -> list[str]:
    return [one for one in more.get(url, ()) if isinstance(one, str)]
