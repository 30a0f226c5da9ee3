"""`POST /api/v1/ingest`: JSON lines. Bad lines are named in the answer, good ones are kept."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from wardlight.api.intake import Intake, retry_after
from wardlight.clock import Clock
from wardlight.config import Receive
from wardlight.problems import Problem
from wardlight.receive import ndjson
from wardlight.receive.sink import Sink

_TOLD = 100
"""Most bad lines of one answer; `refused_lines` counts all."""

_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}


def router(sink: Sink, settings: Receive, clock: Clock) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["ingest"])
    intake = Intake(sink, settings, clock)

    @routes.post("/api/v1/ingest", summary="Take logs as JSON lines", openapi_extra=_BODY)
    async def ingest(request: Request) -> Response:
        """Answer with what was accepted and the lines that were not; 400 if none was good."""
        try:
            found = await intake.take("ndjson", request, partial(intake.decode, ndjson.decode))
        except Problem as problem:
            sink.failed("ndjson", problem)
            return JSONResponse({"error": str(problem)}, problem.status, retry_after(problem))
        accepted = len(found.records)
        answer = {
            "accepted": accepted,
            "refused_lines": len(found.bad),
            "refused": [{"line": bad.line, "reason": bad.reason} for bad in found.bad[:_TOLD]],
        }
        return JSONResponse(answer, 200 if accepted or not found.bad else 400)

    return routes
