"""FHIR's API of the audit trail: AuditEvents are posted (R4 and R5, JSON and XML), searched for (IHE ITI-81) and read.

    POST /fhir/AuditEvent            one event, or a Bundle of type batch or transaction; POST /fhir likewise
    GET  /fhir/AuditEvent?…          search; POST /fhir/AuditEvent/_search has the parameters in its form
    GET  /fhir/AuditEvent/{id}       one event: its id is its index in the ledger
    GET  /fhir/metadata              what is served

A 201 means: the event is in the ledger, on disk. Answers are R4, or R5 where `Accept` says `fhirVersion=5.0`. Each
search and each read becomes an audit event before it is answered. Problems are told as OperationOutcome.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from fastapi import APIRouter, Request, Response

from wardlight.access.principal import principal
from wardlight.api import body
from wardlight.api.asking import asked
from wardlight.api.fhir_params import PAGE, Wanted, wanted
from wardlight.api.intake import content_type, retry_after
from wardlight.audit import fhir
from wardlight.audit.event import Entry
from wardlight.audit.fhir import Submission, Version
from wardlight.audit.looks import Looks
from wardlight.audit.reader import who
from wardlight.audit.search import Search
from wardlight.audit.trail import Trail
from wardlight.clock import Clock
from wardlight.config import Receive
from wardlight.problems import BadInput, Conflict, Denied, NotFound, Problem, UnknownFormat
from wardlight.protect.events import without_secrets
from wardlight.protect.protector import Protector
from wardlight.receive.decompress import decompress
from wardlight.store.seen import Submitted, repetition_key

PREFIX = "/fhir"
_JSON, _XML = "application/fhir+json", "application/fhir+xml"
_TAKEN = {
    "", _JSON, _XML, "application/json", "text/json", "application/json+fhir", "application/xml", "text/xml",
    "application/xml+fhir",
}  # fmt: skip
_FORM = "application/x-www-form-urlencoded"
_FORM_BYTES = 1024 * 1024
_EVENT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {kind: {"schema": {"type": "object"}} for kind in (_JSON, _XML)}}
}

Json = dict[str, Any]
Endpoint = Callable[..., Awaitable[Response]]


def router(
    trail: Trail, protector: Protector, search: Search, looks: Looks, *, settings: Receive, clock: Clock
) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix=PREFIX, tags=["audit"])
    taking, answering = _Taking(trail, protector, settings, clock), _Answering(search, looks)
    routes.post(
        "/AuditEvent", status_code=201, summary="Take an audit event, or a Bundle of them", openapi_extra=_EVENT
    )(_told(taking.take))
    routes.post("", summary="Take a Bundle of audit events", openapi_extra=_EVENT)(_told(taking.take))
    routes.post("/", include_in_schema=False)(_told(taking.take))
    routes.get("/AuditEvent", summary="Search the audit trail (IHE ITI-81)")(_told(answering.search))
    routes.post("/AuditEvent/_search", summary="Search the audit trail by a form")(_told(answering.search))
    routes.get("/metadata", summary="Say what is served, as CapabilityStatement")(_told(_capability))
    routes.get("/AuditEvent/{id}", summary="Read an audit event")(_told(answering.read))
    return routes


class _Taking:
    """Takes events."""

    def __init__(self, trail: Trail, protector: Protector, settings: Receive, clock: Clock) -> None:
        self._trail = trail
        self._protector = protector
        self._settings = settings
        self._clock = clock

    async def take(self, request: Request) -> Response:
        """Answer 201 when everything is in the ledger."""
        kind = content_type(request)
        if kind not in _TAKEN:
            raise UnknownFormat(f"content type {kind[:60]!r} isn't FHIR's; use {_JSON} or {_XML}")
        if principal(request).source:
            raise Denied("this token sends log records of one service; for audit events by FHIR it takes one for any")
        sent = await body.read(request, self._settings.max_body_bytes, "receive.max_body_bytes")
        came, submitted = await asyncio.to_thread(self._submit, sent, request.headers)
        # Written even when the sender hangs up meanwhile.
        indices = await asyncio.shield(asyncio.wrap_future(submitted.done))
        if len(indices) != len(came.entries):
            raise Conflict("this Idempotency-Key came before, with another number of events: use one key a request")
        if came.bundle is not None:
            return _answer(request, fhir.response(came.bundle, came.entries, indices))
        return _created(request, came.entries[0], indices[0])

    def _submit(self, sent: bytes, headers: Any) -> tuple[Submission, Submitted[range]]:
        """Read and hand in, off the event loop."""
        plain = decompress(sent, headers.get("content-encoding", ""), self._settings.max_body_bytes)
        came = fhir.read(plain, headers.get("content-type", ""), self._clock.now_ns())
        key = repetition_key("fhir", headers.get("idempotency-key", ""), sent)
        came = msgspec.structs.replace(came, entries=without_secrets(came.entries, self._protector))
        return came, self._trail.submit(came.entries, key)


class _Answering:
    """Answers questions."""

    def __init__(self, search: Search, looks: Looks) -> None:
        self._search = search
        self._looks = looks

    async def search(self, request: Request) -> Response:
        """Answer with a searchset."""
        given = await _parameters(request)
        asked_for = wanted(given)
        if asked_for.unknown and "handling=strict" in request.headers.get("prefer", "").replace(" ", ""):
            raise BadInput(f"not understood: {', '.join(name[:60] for name in asked_for.unknown[:20])}")
        _format(request, asked_for.format)
        found = await asked(request, self._search.cancel, lambda tag: self._found(request, given, asked_for, tag))
        return _answer(request, found, form=asked_for.format)

    async def read(self, request: Request, id: str) -> Response:  # noqa: A002 -- FHIR's name
        """Answer with one event."""
        if not (id.isascii() and id.isdigit() and len(id) < 19):
            raise NotFound("there is no such AuditEvent")
        given = dict(await _parameters(request))

        def found(_tag: str) -> Json:
            self._note(request, f"read AuditEvent/{id}")
            return fhir.write(self._search.one(int(id)), int(id), _version(request, given.get("_format", "")))

        return _answer(request, await asked(request, self._search.cancel, found), form=given.get("_format", ""))

    def _found(self, request: Request, given: Sequence[tuple[str, str]], wanted: Wanted, tag: str) -> Json:
        self._note(request, f"search AuditEvent?{urlencode(given)}")
        page = self._search.page(wanted.question, tag)
        version = _version(request, wanted.format)
        base = _base(request)
        links = {"self": _link(base, wanted.used)}
        if page.next is not None:
            links["next"] = _link(base, [*wanted.used, (PAGE, page.next.text)])
        total = self._search.count(_unpaged(wanted), tag) if wanted.total else None
        resources = [fhir.write(entry, index, version) for index, entry in page.entries]
        bundle = fhir.bundle(resources, base, links, total)
        warnings = [("not-supported", f"not understood and left out: {name[:60]}") for name in wanted.unknown]
        if not page.complete:
            warnings.append(("incomplete", "newer events are in the ledger, and will be found in a while"))
        if warnings:
            bundle.setdefault("entry", []).append(_warned(warnings))
        return bundle

    def _note(self, request: Request, query: str) -> None:
        reader = who(request)
        self._looks.note(reader.name, query, address=reader.address)


async def _capability(request: Request) -> Response:
    return _answer(request, fhir.capability(_base(request)))


async def _parameters(request: Request) -> list[tuple[str, str]]:
    """List a request's parameters, of its address and its form."""
    found = parse_qsl(request.url.query, keep_blank_values=False, errors="replace")
    if request.method == "POST" and content_type(request) == _FORM:
        form = await body.read(request, _FORM_BYTES, "a form's limit")
        found += parse_qsl(form.decode("utf-8", "replace"), keep_blank_values=False, errors="replace")
    return found


def _unpaged(wanted: Wanted) -> Any:
    return msgspec.structs.replace(wanted.question, after=None)


def _warned(warnings: Sequence[tuple[str, str]]) -> Json:
    """Tell what the answer lacks."""
    issues = [{"severity": "warning", "code": code, "diagnostics": text} for code, text in dict.fromkeys(warnings)]
    return {"resource": {"resourceType": "OperationOutcome", "issue": issues}, "search": {"mode": "outcome"}}


def _created(request: Request, entry: Entry, index: int) -> Response:
    """Answer that an event was kept, with as much of it as is preferred."""
    headers = {"Location": f"{_base(request)}/AuditEvent/{index}", "ETag": 'W/"1"'}
    preferred = request.headers.get("prefer", "").replace(" ", "").lower()
    if "return=representation" in preferred:
        return _answer(request, fhir.write(entry, index, _version(request, "")), 201, headers)
    if "return=operationoutcome" in preferred:
        return _answer(request, fhir.noted(entry.deviation), 201, headers)
    return Response(status_code=201, headers=headers)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + PREFIX


def _link(base: str, parameters: Sequence[tuple[str, str]]) -> str:
    query = urlencode(parameters)
    return f"{base}/AuditEvent?{query}" if query else f"{base}/AuditEvent"


def _version(request: Request, form: str) -> Version:
    wish = f"{form};{request.headers.get('accept', '')}".replace(" ", "").replace('"', "")
    return "r5" if "fhirVersion=5" in wish else "r4"


def _format(request: Request, form: str) -> str:
    """Tell the format of the answer: `_format`, else what `Accept` names first, else JSON. Raises UnknownFormat."""
    wish = form or request.headers.get("accept", "")
    places = {name: wish.lower().find(name) for name in ("json", "xml")}
    named = sorted((at, name) for name, at in places.items() if at >= 0)
    if not named and form:
        raise UnknownFormat("the answer can be JSON or XML (_format)")
    return named[0][1] if named and "*/*" not in wish[: named[0][0]] else "json"


def _answer(
    request: Request, resource: Json, status: int = 200, headers: dict[str, str] | None = None, *, form: str = ""
) -> Response:
    """Write a resource in the format that is wished for."""
    try:
        as_xml = _format(request, form) == "xml"
    except UnknownFormat:
        as_xml = False
    version = "5.0" if _version(request, form) == "r5" else "4.0"
    data, media = (fhir.to_xml(resource), _XML) if as_xml else (msgspec.json.encode(resource), _JSON)
    told = {"Content-Type": f"{media}; fhirVersion={version}", "Cache-Control": "no-store"}
    return Response(data, status, told | (headers or {}))


def _told(endpoint: Endpoint) -> Endpoint:
    """Answer problems as OperationOutcome."""

    @functools.wraps(endpoint)
    async def wrapped(*args: Any, **kwargs: Any) -> Response:
        request: Request = kwargs["request"] if "request" in kwargs else args[0]
        try:
            return await endpoint(*args, **kwargs)
        except Problem as problem:
            return _answer(request, fhir.outcome(problem), problem.status, retry_after(problem))

    return wrapped
