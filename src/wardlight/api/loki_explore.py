"""The part of Loki's API by which Grafana looks around: detected fields and labels, volumes, patterns, formatting."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from wardlight import __version__
from wardlight.api import loki_params as read
from wardlight.api.loki_http import PREFIX, asked, by_get_and_post, json_response, parameters, reader_of, told
from wardlight.api.loki_json import vector_or_matrix
from wardlight.query import QueryService
from wardlight.query.discretion import withheld
from wardlight.query.explore import Field
from wardlight.query.format import pretty
from wardlight.query.lex import ParseError
from wardlight.query.parse import parse


def router(service: QueryService) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["loki"])
    explorer = _Explorer(service)
    for path, endpoint in (
        ("/detected_labels", explorer.detected_labels),
        ("/detected_fields", explorer.detected_fields),
        ("/detected_field/{name}/values", explorer.detected_values),
        ("/index/stats", explorer.index_stats),
        ("/index/volume", explorer.volume),
        ("/index/volume_range", explorer.volume_range),
        ("/patterns", explorer.patterns),
        ("/drilldown-limits", explorer.drilldown_limits),
        ("/format_query", explorer.format_query),
    ):
        by_get_and_post(routes, PREFIX + path, told(endpoint))
    return routes


class _Explorer:
    """Looking around."""

    def __init__(self, service: QueryService) -> None:
        self._service = service

    async def detected_labels(self, request: Request) -> Response:
        """Name the labels worth choosing from, with the number of their values."""
        given = await parameters(request)
        start, end = read.ordered_bounds(given, self._service.now_ns())
        query = given.get("query", "")
        found = await asked(
            request, self._service, lambda reader: self._service.detected_labels(start, end, query, reader)
        )
        labels = [{"label": name, "cardinality": count} for name, count in found.items()]
        return json_response(request, {"detectedLabels": labels})

    async def detected_fields(self, request: Request) -> Response:
        """Name the fields of the newest lines."""
        found, limit = await self._fields(request)
        fields = [_written(name, field) for name, field in sorted(found.items())]
        return json_response(request, {"fields": fields[:limit], "limit": limit})

    async def detected_values(self, request: Request, name: str) -> Response:
        """List a field's values."""
        found, limit = await self._fields(request)
        values = sorted(found[name].values) if name in found else []
        return json_response(request, {"values": values[:limit], "limit": limit})

    async def _fields(self, request: Request) -> tuple[dict[str, Field], int]:
        given = await parameters(request)
        start, end = read.ordered_bounds(given, self._service.now_ns())
        lines = read.positive(given, "line_limit", 100)
        limit = read.positive(given, "limit" if given.get("limit") else "field_limit", 1000)
        query = given.get("query", "")
        found = await asked(
            request,
            self._service,
            lambda reader: self._service.detected_fields(query, start, end, lines=lines, reader=reader),
        )
        return found, limit

    async def index_stats(self, request: Request) -> Response:
        """Count what a selector means."""
        given = await parameters(request)
        start, end = read.ordered_bounds(given, self._service.now_ns())
        query = given.get("query", "")
        found = await asked(request, self._service, lambda reader: self._service.index_stats(query, start, end, reader))
        return json_response(
            request,
            {"streams": found.streams, "chunks": found.chunks, "bytes": found.bytes, "entries": found.entries},
        )

    async def volume(self, request: Request) -> Response:
        """Sum up bytes by labels."""
        return await self._volume(request, over_time=False)

    async def volume_range(self, request: Request) -> Response:
        """Sum up bytes by labels, over time."""
        return await self._volume(request, over_time=True)

    async def _volume(self, request: Request, *, over_time: bool) -> Response:
        given = await parameters(request)
        start, end = read.ordered_bounds(given, self._service.now_ns())
        step = read.step(given, start, end) if over_time else 0
        limit = read.positive(given, "limit", 100)
        targets = [name for name in given.get("targetLabels", "").split(",") if name]
        by_labels = read.one_of(given, "aggregateBy", ("series", "labels")) == "labels"
        query = given.get("query", "") or "{}"
        found = await asked(
            request,
            self._service,
            lambda reader: self._service.volume(
                query, start, end, step=step, limit=limit, target_labels=targets, by_labels=by_labels, reader=reader
            ),
        )
        return json_response(request, {"status": "success", "data": vector_or_matrix(found)})

    async def patterns(self, request: Request) -> Response:
        """List the shapes of lines."""
        given = await parameters(request)
        start, end = read.ordered_bounds(given, self._service.now_ns())
        step = max(read.step(given, start, end), read.SECOND)
        query = given.get("query", "")
        found = await asked(
            request, self._service, lambda reader: self._service.patterns(query, start, end, step, reader)
        )
        written = [
            {
                "pattern": each.pattern,
                "level": each.level,
                "samples": [[ts // read.SECOND, count] for ts, count in each.samples],
            }
            for each in found
        ]
        return json_response(request, {"status": "success", "data": written})

    async def drilldown_limits(self, request: Request) -> Response:
        """Tell the limits."""
        settings = self._service.settings
        limits: dict[str, Any] = {
            "max_entries_limit_per_query": settings.max_entries,
            "max_query_series": settings.max_series,
            "max_query_length": f"{settings.max_range_days * 24}h",
            "max_query_bytes_read": f"{settings.max_read_bytes}B",
            "query_timeout": f"{settings.max_seconds:g}s",
            "discover_log_levels": True,
            "volume_enabled": True,
        }
        return json_response(
            request, {"limits": limits, "pattern_ingester_enabled": True, "version": f"wardlight-{__version__}"}
        )

    async def format_query(self, request: Request) -> Response:
        """Lay a query out."""
        query = (await parameters(request)).get("query", "")
        try:
            formatted = pretty(parse(query))
        except ParseError as error:
            said = withheld(str(error), query) if reader_of(request).sight.masked else str(error)
            return json_response(request, {"status": "invalid-query", "error": said}, 400)
        return json_response(request, {"status": "success", "data": formatted})


def _written(name: str, field: Field) -> dict[str, Any]:
    """Write a field; `parsers: null` means structured metadata."""
    written: dict[str, Any] = {
        "label": name,
        "type": field.type,
        "cardinality": len(field.values),
        "parsers": sorted(field.parsers) or None,
    }
    if field.path:
        written["jsonPath"] = field.path
    return written
