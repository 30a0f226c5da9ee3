"""Loki's HTTP API: what Grafana, logcli and scripts ask (`docs/logql.md`, Loki's HTTP API of 3.x).

Errors are plain text with Loki's status codes: 400, 429, 499, 504.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

import anyio
import msgspec
from fastapi import APIRouter, Request, Response

from wardlight import __version__
from wardlight.api import loki_json as write
from wardlight.api import loki_params as read
from wardlight.problems import Problem
from wardlight.query import QueryService, Range, Reader

Asked = TypeVar("Asked")

PREFIX = "/loki/api/v1"
LOKI_VERSION = "3.5.0"
"""The version that Grafana is told: it decides by it what it may ask."""

_CATEGORIZE = "categorize-labels"
_GZIP_FROM = 1024
_FORM = "application/x-www-form-urlencoded"
_POLL_SECONDS = 0.2


class Parameters(Mapping[str, str]):
    """A request's parameters, of its address and its form; of repeated ones the first counts."""

    def __init__(self, found: dict[str, list[str]]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> str:
        return self._found[name][0]

    def __iter__(self) -> Any:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def all(self, *names: str) -> list[str]:
        """List all values of some parameters, each once."""
        return list(dict.fromkeys(value for name in names for value in self._found.get(name, ())))


async def parameters(request: Request) -> Parameters:
    """Read a request's parameters."""
    found = parse_qs(request.url.query, keep_blank_values=True, errors="replace")
    if request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM):
        body = (await request.body()).decode("utf-8", "replace")
        for name, values in parse_qs(body, keep_blank_values=True, errors="replace").items():
            found.setdefault(name, []).extend(values)
    return Parameters(found)


def router(service: QueryService) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["loki"])

    async def query_range(request: Request) -> Response:
        given = await parameters(request)
        start, end = read.ordered_bounds(given, service.now_ns())
        question = Range(
            query=given.get("query", ""), start=start, end=end, step=read.step(given, start, end),
            limit=read.positive(given, "limit", 100), forward=read.forward(given), interval=read.interval(given),
            categorized=_categorizes(request),
        )  # fmt: skip
        found = await _asked(request, service, lambda reader: service.range(question, reader))
        return _json(request, write.answer(found, categorized=question.categorized))

    async def query(request: Request) -> Response:
        given = await parameters(request)
        at = read.moment(given.get("time", ""), "time", service.now_ns())
        found = await _asked(request, service, lambda reader: service.instant(given.get("query", ""), at, reader))
        return _json(request, write.answer(found, categorized=_categorizes(request)))

    async def labels(request: Request) -> Response:
        given = await parameters(request)
        start, end = read.bounds(given, service.now_ns())
        query_text = given.get("query", "")
        found = await _asked(request, service, lambda reader: service.labels(start, end, query_text, reader))
        return _json(request, {"status": "success", "data": found})

    async def values(request: Request, name: str) -> Response:
        given = await parameters(request)
        start, end = read.bounds(given, service.now_ns())
        query_text = given.get("query", "")
        found = await _asked(
            request, service, lambda reader: service.label_values(name, start, end, query_text, reader)
        )
        return _json(request, {"status": "success", "data": found})

    async def series(request: Request) -> Response:
        given = await parameters(request)
        start, end = read.bounds(given, service.now_ns())
        selectors = given.all("match[]", "match")
        if [each.replace(" ", "") for each in selectors] == ["{}"]:
            selectors = []
        found = await _asked(request, service, lambda reader: service.series(start, end, selectors, reader))
        return _json(request, {"status": "success", "data": found})

    for path, endpoint in (
        ("/query_range", query_range),
        ("/query", query),
        ("/labels", labels),
        ("/label", labels),
        ("/label/{name}/values", values),
        ("/series", series),
    ):
        answer = told(endpoint)
        routes.add_api_route(PREFIX + path, answer, methods=["GET"])
        routes.add_api_route(PREFIX + path, answer, methods=["POST"], include_in_schema=False)
    routes.add_api_route(PREFIX + "/status/buildinfo", _build_info, methods=["GET"])
    return routes


async def _build_info() -> dict[str, str]:
    """Tell the version of Loki's API that is spoken here."""
    return {
        "version": LOKI_VERSION, "revision": f"wardlight-{__version__}", "branch": "", "buildDate": "", "buildUser": "",
        "goVersion": "",
    }  # fmt: skip


def _categorizes(request: Request) -> bool:
    flags = request.headers.get("x-loki-response-encoding-flags", "")
    return _CATEGORIZE in [flag.strip() for flag in flags.split(",")]


def _reader(request: Request) -> Reader:
    """Who asks: the tenant that a client names, else its address."""
    name = request.headers.get("x-scope-orgid") or (request.client.host if request.client else "")
    return Reader(name, f"loki:{secrets.token_hex(8)}")


async def _asked(request: Request, service: QueryService, ask: Callable[[Reader], Asked]) -> Asked:
    """Ask in a thread of its own; when the client hangs up, the engine's queries are stopped."""
    reader = _reader(request)
    asking = asyncio.ensure_future(anyio.to_thread.run_sync(ask, reader))
    while not asking.done():
        await asyncio.wait({asking}, timeout=_POLL_SECONDS)
        if not asking.done() and await request.is_disconnected():
            await anyio.to_thread.run_sync(service.cancel, reader.tag)
    return await asking


def told(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Answer problems as Loki does: plain text."""

    @functools.wraps(endpoint)
    async def wrapped(*args: Any, **kwargs: Any) -> Response:
        try:
            response: Response = await endpoint(*args, **kwargs)
        except Problem as problem:
            status = 400 if problem.status == 413 else problem.status
            headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else None
            return Response(f"{problem}\n", status, headers, media_type="text/plain; charset=utf-8")
        return response

    return wrapped


def _json(request: Request, content: Any) -> Response:
    """Write JSON, compressed for clients that take it."""
    body = msgspec.json.encode(content)
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type="application/json; charset=UTF-8")
