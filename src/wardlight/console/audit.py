"""The console's page of the audit trail: who opened whose record. It works without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from wardlight.audit.asked import asked
from wardlight.audit.looks import Looks
from wardlight.audit.reader import who
from wardlight.audit.search import Page, Search
from wardlight.audit.shown import shown
from wardlight.console.forms import HEADERS
from wardlight.console.pages import environment
from wardlight.problems import Problem

_FIELDS = ("patient", "user", "record", "since", "until")
_PAGE = 50
_API = "/api/v1/audit"
_FILES = (
    ("CSV", {"format": "csv"}),
    ("CSV with proofs", {"format": "csv", "proofs": "true"}),
    ("FHIR Bundle", {"format": "bundle"}),
    ("Bundle with proofs", {"format": "bundle", "proofs": "true"}),
)
_PAPER = (
    ("PDF: accounting of disclosures", {"format": "pdf"}),
    ("PDF with proofs", {"format": "pdf", "proofs": "true"}),
)


@dataclass(frozen=True)
class _Answer:
    """What is shown below the form."""

    page: Page | None = None
    problem: Problem | None = None


def router(search: Search, looks: Looks) -> APIRouter:
    """Make the route."""
    routes = APIRouter(include_in_schema=False)
    template = environment().get_template("audit.html")

    @routes.get("/audit")
    def page(request: Request) -> HTMLResponse:
        given = {name: request.query_params.get(name, "").strip() for name in _FIELDS}
        emergencies = request.query_params.get("break_glass", "") == "true"
        after = request.query_params.get("after", "")
        answer = _Answer()
        if any(given.values()) or emergencies or "ask" in request.query_params:
            answer = _answered(request, given, emergencies=emergencies, after=after)
        said = {name: value for name, value in given.items() if value} | (
            {"break_glass": "true"} if emergencies else {}
        )
        text = template.render(
            given=given,
            emergencies=emergencies,
            answer=answer,
            rows=[shown(*entry) for entry in answer.page.entries] if answer.page else [],
            older=_older(answer.page, said),
            files=_links(said, (*_FILES, *(_PAPER if given["patient"] else ()))),
        )
        return HTMLResponse(text, answer.problem.status if answer.problem else 200, HEADERS)

    def _answered(request: Request, given: Mapping[str, str], *, emergencies: bool, after: str) -> _Answer:
        reader = who(request)
        try:
            question = asked(
                patient=given["patient"], user=given["user"], record=given["record"], since=given["since"],
                until=given["until"], break_glass=emergencies, limit=_PAGE, after=after,
            )  # fmt: skip
            looks.note(reader.name, f"/audit?{request.url.query}", address=reader.address)
            return _Answer(search.page(question))
        except Problem as problem:
            return _Answer(problem=problem)

    return routes


def _older(page: Page | None, said: Mapping[str, str]) -> str:
    """Link to the next page, if there is one."""
    if page is None or page.next is None:
        return ""
    return f"/audit?{urlencode({**said, 'ask': '', 'after': page.next.text})}"


def _links(said: Mapping[str, str], files: tuple[tuple[str, Mapping[str, str]], ...]) -> list[tuple[str, str]]:
    return [(name, f"{_API}?{urlencode({**said, **wish})}") for name, wish in files]
