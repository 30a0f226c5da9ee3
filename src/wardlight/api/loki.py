"""Loki's HTTP API: what Grafana, logcli and scripts ask (Loki 3's HTTP API; `docs/logql.md`)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from wardlight import __version__
from wardlight.api import loki_explore, loki_tail
from wardlight.api import loki_json as write
from wardlight.api import loki_params as read
from wardlight.api.loki_http import PREFIX, asked, by_get_and_post, json_response, parameters, told
from wardlight.query import QueryService, Range

LOKI_VERSION = "3.5.0"
"""The version that clients are told: Grafana decides by it what it may ask."""


def router(service: QueryService) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["loki"])
    queries = _Queries(service)
    for path, endpoint in (
        ("/query_range", queries.query_range),
        ("/query", queries.query),
        ("/labels", queries.labels),
        ("/label", queries.labels),
        ("/label/{name}/values", queries.values),
        ("/series", queries.series),
    ):
        by_get_and_post(routes, PREFIX + path, told(endpoint))
    routes.add_api_route(PREFIX + "/status/buildinfo", _build_info, methods=["GET"])
    routes.add_api_route("/ready", _ready, methods=["GET"])
    routes.include_router(loki_explore.router(service))
    routes.include_router(loki_tail.router(service))
    return routes


class _Queries:
    """Queries, labels and series."""

    def __init__(self, service: QueryService) -> None:
        self._service = service

    async def query_range(self, request: Request) -> Response:
        """Answer a query over a time range."""
        given = await parameters(request)
        start, end = read.ordered_bounds(given, self._service.now_ns())
        question = Range(
            query=given.get("query", ""),
            start=start,
            end=end,
            step=read.step(given, start, end),
            limit=read.positive(given, "limit", 100),
            forward=read.forward(given),
            interval=read.interval(given),
            categorized=read.categorizes(request.headers),
        )
        found = await asked(request, self._service, lambda reader: self._service.range(question, reader))
        return json_response(request, write.answer(found, categorized=question.categorized))

    async def query(self, request: Request) -> Response:
        """Answer a metric query at one moment."""
        given = await parameters(request)
        at = read.moment(given.get("time", ""), "time", self._service.now_ns())
        query = given.get("query", "")
        found = await asked(request, self._service, lambda reader: self._service.instant(query, at, reader))
        return json_response(request, write.answer(found, categorized=False))

    async def labels(self, request: Request) -> Response:
        """Name the labels."""
        given = await parameters(request)
        start, end = read.bounds(given, self._service.now_ns())
        query = given.get("query", "")
        found = await asked(request, self._service, lambda reader: self._service.labels(start, end, query, reader))
        return json_response(request, {"status": "success", "data": found})

    async def values(self, request: Request, name: str) -> Response:
        """List a label's values."""
        given = await parameters(request)
        start, end = read.bounds(given, self._service.now_ns())
        query = given.get("query", "")
        found = await asked(
            request, self._service, lambda reader: self._service.label_values(name, start, end, query, reader)
        )
        return json_response(request, {"status": "success", "data": found})

    async def series(self, request: Request) -> Response:
        """List streams."""
        given = await parameters(request)
        start, end = read.bounds(given, self._service.now_ns())
        selectors = given.all("match[]", "match")
        if [each.replace(" ", "") for each in selectors] == ["{}"]:
            selectors = []
        found = await asked(request, self._service, lambda reader: self._service.series(start, end, selectors, reader))
        return json_response(request, {"status": "success", "data": found})


async def _build_info() -> dict[str, str]:
    """Tell the version of Loki's API that is spoken here."""
    empty = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion"), "")
    return {"version": LOKI_VERSION, "revision": f"wardlight-{__version__}", **empty}


async def _ready() -> PlainTextResponse:
    """Say that questions are taken; `/readyz` asks the store."""
    return PlainTextResponse("ready\n")
