"""What all of Loki's routes share: parameters, who asks, hanging up, errors in plain text, compressed JSON."""

from __future__ import annotations

import functools
import gzip
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.requests import HTTPConnection

from wardlight.access.principal import OPEN, principal
from wardlight.api import asking
from wardlight.problems import Problem
from wardlight.query import QueryService, Reader

Asked = TypeVar("Asked")
Endpoint = Callable[..., Awaitable[Response]]

PREFIX = "/loki/api/v1"
_GZIP_FROM = 1024
_FORM = "application/x-www-form-urlencoded"


class Parameters(Mapping[str, str]):
    """A request's parameters, of its address and its form; of repeated ones the first counts."""

    def __init__(self, found: Mapping[str, list[str]]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> str:
        return self._found[name][0]

    def __iter__(self) -> Iterator[str]:
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


def reader_of(connection: HTTPConnection) -> Reader:
    """Say who asks; where nobody signs in, the tenant that a client names, else its address."""
    who = principal(connection)
    address = connection.client.host if connection.client else ""
    name = (connection.headers.get("x-scope-orgid") or address) if who.way == OPEN.way else who.name
    return Reader(name, f"loki:{secrets.token_hex(8)}", sight=who.sight, address=address)


async def asked(request: Request, service: QueryService, ask: Callable[[Reader], Asked]) -> Asked:
    """Ask in a thread of its own; when the client hangs up, the engine's queries are stopped."""
    reader = reader_of(request)
    return await asking.asked(request, service.cancel, lambda _tag: ask(reader), reader.tag)


def by_get_and_post(routes: APIRouter, path: str, endpoint: Endpoint) -> None:
    """Add a question that may be asked both ways; the OpenAPI document shows one."""
    routes.add_api_route(path, endpoint, methods=["GET"])
    routes.add_api_route(path, endpoint, methods=["POST"], include_in_schema=False)


def told(endpoint: Endpoint) -> Endpoint:
    """Answer problems as Loki does: plain text, and 400 for what is beyond a limit."""

    @functools.wraps(endpoint)
    async def wrapped(*args: Any, **kwargs: Any) -> Response:
        try:
            return await endpoint(*args, **kwargs)
        except Problem as problem:
            return refusal(problem)

    return wrapped


def refusal(problem: Problem) -> Response:
    """Write a problem."""
    status = 400 if problem.status == 413 else problem.status
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else None
    return Response(f"{problem}\n", status, headers, media_type="text/plain; charset=utf-8")


def json_response(request: Request, content: Any, status: int = 200) -> Response:
    """Write JSON, compressed for clients that take it."""
    body = msgspec.json.encode(content)
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers, media_type="application/json; charset=UTF-8")
