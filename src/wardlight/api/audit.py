"""The audit trail as JSON, and as files to hand over: `GET /api/v1/audit`.

    /api/v1/audit?patient=17&since=2026-01-01&format=json     one page; `next` goes into `after` for the next one
    /api/v1/audit?patient=17&format=csv&proofs=true           everything; with proofs as a zip
    /api/v1/audit/{index}/proof                               one event's proof (tlog-proof@v1)

    {"entries": [{"time": "2026-01-01T12:00:00Z", "received": "…", "user": "u7", "name": "Ann Lee", "role": "nurse",
      "action": "read", "record_type": "Observation", "record": "4", "patient": "17", "purpose": "treatment",
      "outcome": "success", "from": "10.0.0.7", "service": "portal", "index": 4711, "deviation": "",
      "break_glass": false, "what": "read, Patient Record", "recipient": "Ann Lee"}], "next": null, "complete": true}

`complete` is false while the table is behind the ledger; files are refused then.

Formats are `json`, `csv`, `bundle` (FHIR) and `pdf` (the accounting of disclosures: one patient, six years if nothing is
said). Each request becomes an audit event before it is answered.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from wardlight.api.fhir import PREFIX
from wardlight.audit.asked import asked
from wardlight.audit.event import Entry
from wardlight.audit.export import Log, Writer, as_bundle, as_csv, zipped
from wardlight.audit.looks import Looks
from wardlight.audit.question import Question, Span, both
from wardlight.audit.reader import who
from wardlight.audit.search import Search
from wardlight.audit.shown import shown
from wardlight.clock import Clock
from wardlight.problems import BadInput, TooLarge

Format = Literal["json", "csv", "bundle", "pdf"]

_FILES = {"csv": ("audit.csv", "text/csv; charset=utf-8"), "bundle": ("audit.json", "application/fhir+json")}
_SIX_YEARS_NS = 2192 * 86_400 * 10**9
"""How far back an accounting reaches (45 CFR 164.528(a)(1))."""


def _question(
    *,
    patient: str = "",
    user: str = "",
    record: str = "",
    break_glass: bool = False,
    disclosures: bool = False,
    since: str = "",
    until: str = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    after: str = "",
) -> Question:
    """Read the parameters; `record` is TYPE/ID."""
    return asked(
        patient=patient, user=user, record=record, break_glass=break_glass, disclosures=disclosures,
        since=since, until=until, limit=limit, after=after,
    )  # fmt: skip


Asked = Annotated[Question, Depends(_question)]


def router(search: Search, log: Log, looks: Looks, clock: Clock) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/api/v1/audit", tags=["audit"])
    answers = _Answers(search, log, clock)

    def note(request: Request) -> None:
        reader = who(request)
        query = f"?{request.url.query}" if request.url.query else ""
        looks.note(reader.name, f"{request.url.path}{query}", address=reader.address)

    @routes.get("", summary="Ask the audit trail, as JSON or for a file: who opened whose record, when and why")
    def ask(request: Request, wanted: Asked, format: Format = "json", proofs: bool = False) -> Response:  # noqa: A002
        note(request)
        if format == "json":
            return answers.page(wanted)
        if format == "pdf":
            return answers.paper(wanted, proofs=proofs)
        return answers.file(wanted, format, f"{str(request.base_url).rstrip('/')}{PREFIX}", proofs=proofs)

    @routes.get("/{index}/proof", summary="Prove that an event is in the ledger, by a file of its own")
    def proof(request: Request, index: int) -> Response:
        note(request)
        search.one(index)
        return Response(log.prove(index), headers=_attached(f"{index}.tlog-proof", "text/plain; charset=utf-8"))

    return routes


class _Answers:
    """Writes answers."""

    def __init__(self, search: Search, log: Log, clock: Clock) -> None:
        self._search = search
        self._log = log
        self._clock = clock

    def page(self, wanted: Question) -> Response:
        """Answer with a page of JSON."""
        page = self._search.page(wanted)
        answer = {
            "entries": [shown(index, entry) for index, entry in page.entries],
            "next": page.next.text if page.next is not None else None,
            "complete": page.complete,
        }
        return Response(msgspec.json.encode(answer), media_type="application/json")

    def file(self, wanted: Question, format: Format, base_url: str, *, proofs: bool) -> Response:  # noqa: A002
        """Answer with everything, as it is read; with proofs as a zip."""
        name, media = _FILES[format]
        write: Writer = as_csv if format == "csv" else self._bundle(base_url)
        entries = _begun(self._search.stream(wanted))
        if proofs:
            headers = _attached("audit.zip", "application/zip")
            return StreamingResponse(zipped(name, write, entries, self._log), headers=headers)
        return StreamingResponse(write(entries), headers=_attached(name, media))

    def paper(self, wanted: Question, *, proofs: bool) -> Response:
        """Answer with the accounting of disclosures."""
        from wardlight.audit.accounting import MOST, About, accounting

        now = self._clock.now_ns()
        if len(wanted.patient) != 1:
            raise BadInput("the accounting of disclosures is of one patient: say which")
        wanted = msgspec.structs.replace(wanted, recorded=_period(wanted, now))
        entries = list(itertools.islice(self._search.stream(wanted), MOST + 1))
        if len(entries) > MOST:
            raise TooLarge(f"there are more than {MOST} events, too many for paper: ask for a shorter time, or for CSV")
        first, *_ = wanted.recorded or (Span(now, now),)
        about = About(
            patient=wanted.patient[0][0].value, start_ns=first.start, end_ns=min(first.end, now), now_ns=now,
            disclosures=wanted.disclosures,
        )  # fmt: skip
        return Response(
            accounting(about, entries, self._log, proofs=proofs), headers=_attached("audit.pdf", "application/pdf")
        )

    def _bundle(self, base_url: str) -> Writer:
        return lambda entries: as_bundle(entries, base_url, "r4", self._clock.now_ns())


def _period(wanted: Question, now: int) -> tuple[Span, ...]:
    """Limit a question that doesn't say since when to six years."""
    spans = (Span(),) if wanted.recorded is None else wanted.recorded
    if not spans or spans[0].start:
        return spans
    return both(spans, [Span(max(min(spans[0].end, now) - _SIX_YEARS_NS, 0))])


def _begun(entries: Iterator[tuple[int, Entry]]) -> Iterator[tuple[int, Entry]]:
    """Read the first page before the answer begins: a question that can't be answered has the status that says so."""
    return itertools.chain(list(itertools.islice(entries, 1)), entries)


def _attached(name: str, media: str) -> dict[str, Any]:
    return {"Content-Type": media, "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
