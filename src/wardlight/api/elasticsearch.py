"""What shippers for Elasticsearch ask: `_bulk`, and the few questions they begin with.

The questions are answered under `/elasticsearch/`, the address to give to a shipper; `/_bulk` itself is also there
without that prefix. Nothing else of Elasticsearch is here: templates, policies and pipelines have nothing to act on.
"""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from wardlight.api.intake import Intake, Sent, retry_after
from wardlight.clock import Clock
from wardlight.config import Receive
from wardlight.problems import NotFound, Problem
from wardlight.receive import bulk
from wardlight.receive.bulk import Bulk, Item
from wardlight.receive.sink import Sink

PREFIX = "/elasticsearch"

_VERSION = "8.17.0"
_PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
"""Elastic's clients talk to nobody else."""

_ERRORS = {
    400: "illegal_argument_exception",
    404: "resource_not_found_exception",
    413: "content_too_long_exception",
    415: "media_type_header_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_shards_exception",
}
_QUESTIONS: dict[str, dict[str, Any]] = {
    "/": {
        "name": "wardlight", "cluster_name": "wardlight", "cluster_uuid": "wardlight",
        "tagline": "You Know, for Search",
        "version": {
            "number": _VERSION, "build_flavor": "default", "build_type": "tar", "build_hash": "wardlight",
            "build_date": "2025-01-01T00:00:00Z", "build_snapshot": False, "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0",
        },
    },
    "/_license": {"license": {"uid": "wardlight", "type": "basic", "mode": "basic", "status": "active"}},
    "/_cluster/health": {"cluster_name": "wardlight", "status": "green", "timed_out": False, "number_of_nodes": 1},
}  # fmt: skip
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}


def router(sink: Sink, settings: Receive, clock: Clock) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["ingest"])
    intake = _Bulk(sink, settings, clock)
    for prefix in ("", PREFIX):
        for path in ("/_bulk", "/{index}/_bulk"):
            routes.post(
                prefix + path,
                summary="Take logs as Elasticsearch does",
                openapi_extra=_BODY,
                include_in_schema=not prefix,
            )(intake.bulk)
            routes.put(prefix + path, include_in_schema=False)(intake.bulk)  # Elastic's own client does so
    _questions(routes)
    return routes


class _Bulk(Intake):
    """The handler of bulk requests."""

    async def bulk(self, request: Request, index: str = "") -> Response:
        """Answer with what became of each action."""
        begin = time.monotonic()

        async def decode(sent: Sent) -> Bulk:
            return await self.decode(lambda data, settings, now: bulk.decode(data, index, settings, now), sent)

        try:
            found = await self.take("elasticsearch", request, decode)
        except Problem as problem:
            self.sink.failed("elasticsearch", problem)
            return _failure(problem)
        took = int((time.monotonic() - begin) * 1000)
        items = [{item.action: _result(item)} for item in found.items]
        errors = any(item.problem for item in found.items)
        return JSONResponse({"errors": errors, "took": took, "items": items}, headers=_PRODUCT)


def _result(item: Item) -> dict[str, Any]:
    """Write what became of one action."""
    about = {"_index": item.index, "_id": item.id or None}
    if item.problem:
        return {**about, "status": 400, "error": {"type": "document_parsing_exception", "reason": item.problem}}
    return {**about, "_version": 1, "result": "created", "status": 201}


def _failure(problem: Problem) -> Response:
    """Write a problem as Elasticsearch does."""
    error = {"type": _ERRORS.get(problem.status, "exception"), "reason": str(problem)}
    told = {"error": {"root_cause": [error], **error}, "status": problem.status}
    return JSONResponse(told, problem.status, {**_PRODUCT, **retry_after(problem)})


def _questions(routes: APIRouter) -> None:
    """Add the answers to what shippers ask at their start."""
    for path, answer in _QUESTIONS.items():

        async def told(answer: dict[str, Any] = answer) -> Response:
            return JSONResponse(answer, headers=_PRODUCT)

        routes.add_api_route(PREFIX + path, told, methods=["GET", "HEAD"], include_in_schema=False)

    @routes.api_route(PREFIX + "/_cat/health", methods=["GET", "HEAD"], include_in_schema=False)
    async def cat_health() -> Response:
        return PlainTextResponse("wardlight green 1 1\n", headers=_PRODUCT)

    @routes.api_route(
        PREFIX + "/{path:path}", methods=["GET", "HEAD", "PUT", "POST", "DELETE"], include_in_schema=False
    )
    async def nothing_here(path: str) -> Response:  # noqa: ARG001 -- the route's
        return _failure(
            NotFound(
                "Wardlight takes _bulk here and has no templates, policies or pipelines: switch them off in the shipper"
            )
        )
