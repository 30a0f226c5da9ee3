"""Questions to Prometheus under `/api/v1/metrics`, in Prometheus's own form, within bounds.

    GET /query          ?query=…&time=…                            at one moment
    GET /query_range    ?query=…&start=…&end=…&step=…              over a range
    GET /series         ?match[]=…&start=…&end=…
    GET /labels         ?match[]=…&start=…&end=…
    GET /label/NAME/values  ?match[]=…&start=…&end=…

What Prometheus answers is passed on as it is; what it refuses is 400 with its reason; 503 says why it can't be asked.
Its other addresses, and parameters that aren't named here, are not passed on.
"""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

import httpx
import msgspec
from fastapi import APIRouter, Path, Request, Response

from wardlight.problems import BadInput, TimedOut, TooLarge, Unavailable

MAX_QUERY = 16 * 1024
"""Longest parameter, in characters."""
MAX_MATCHERS = 20
MAX_ANSWER = 16 * 1024 * 1024
"""Largest answer, in bytes."""
SECONDS = 20
"""How long Prometheus may take."""
AT_ONCE = 8
"""Questions that are asked at a time; more wait."""

_SPAN = ("match[]", "start", "end", "limit")
_TAKEN = {
    "query": ("query", "time"),
    "query_range": ("query", "start", "end", "step"),
    "series": _SPAN,
    "labels": _SPAN,
    "values": _SPAN,
}
_ODD = "what answers at stack.prometheus is no Prometheus"


class _Refusal(msgspec.Struct):
    error: str = ""
    errorType: str = ""  # noqa: N815 -- Prometheus's name


_refusals = msgspec.json.Decoder(_Refusal)


class Prometheus:
    """The neighbour that is asked."""

    def __init__(self, base: str, seconds: float = SECONDS) -> None:
        self._base = base.rstrip("/")
        self._seconds = seconds
        # Prometheus is a neighbour: a proxy of the environment is not for it.
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(seconds, connect=2), trust_env=False)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(self, path: str, parameters: list[tuple[str, str]]) -> bytes:
        """Ask; the answer is Prometheus's JSON.

        Raises BadInput for what it refuses, Unavailable when it is away, TimedOut, and TooLarge for its answer.
        """
        form = {name: [value for of, value in parameters if of == name] for name, _ in parameters}
        try:
            async with self._places, asyncio.timeout(self._seconds):
                return await self._sent(path, form)
        except (TimeoutError, httpx.ReadTimeout):
            raise TimedOut(f"Prometheus takes longer than {self._seconds:g} s to answer") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise Unavailable("Prometheus does not answer; `wardlight status` says more") from None

    async def _sent(self, path: str, form: dict[str, list[str]]) -> bytes:
        url = f"{self._base}/api/v1/{path}"
        # Prometheus takes label values by GET only; a question may be longer than an address.
        by_get = path.startswith("label/")
        asking = self._client.stream("GET", url, params=form) if by_get else self._client.stream("POST", url, data=form)
        async with asking as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise TooLarge(f"Prometheus's answer is larger than {MAX_ANSWER} bytes: ask for less")
        if answer.status_code == httpx.codes.OK:
            return bytes(body)
        raise _problem(answer.status_code, bytes(body))


def router(prometheus: Prometheus) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/api/v1/metrics", tags=["metrics"])

    async def passed(request: Request, kind: str, path: str) -> Response:
        return Response(await prometheus.ask(path, _taken(request, kind)), media_type="application/json")

    @routes.get("/query", summary="Ask Prometheus about one moment")
    async def query(request: Request) -> Response:
        return await passed(request, "query", "query")

    @routes.get("/query_range", summary="Ask Prometheus about a range of time")
    async def query_range(request: Request) -> Response:
        return await passed(request, "query_range", "query_range")

    @routes.get("/series", summary="List Prometheus's series")
    async def series(request: Request) -> Response:
        return await passed(request, "series", "series")

    @routes.get("/labels", summary="Name Prometheus's labels")
    async def labels(request: Request) -> Response:
        return await passed(request, "labels", "labels")

    @routes.get("/label/{name}/values", summary="List a label's values in Prometheus")
    async def values(
        request: Request, name: Annotated[str, Path(pattern="^[a-zA-Z_][a-zA-Z0-9_]{0,199}$")]
    ) -> Response:
        return await passed(request, "values", f"label/{name}/values")

    return routes


def _taken(request: Request, kind: str) -> list[tuple[str, str]]:
    """Take the parameters that this kind of question has."""
    found = [(name, value) for name, value in request.query_params.multi_items() if name in _TAKEN[kind]]
    if "query" in _TAKEN[kind] and not request.query_params.get("query"):
        raise BadInput("parameter query is missing")
    if len(found) > MAX_MATCHERS + len(_SPAN):
        raise BadInput(f"more than {MAX_MATCHERS} matchers")
    for name, value in found:
        if len(value) > MAX_QUERY:
            raise TooLarge(f"parameter {name} is longer than {MAX_QUERY} characters")
    return found


def _problem(status: int, body: bytes) -> Exception:
    """Say what Prometheus said."""
    try:
        told = _refusals.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Unavailable(_ODD)
    reason = re.sub(r"\s+", " ", told.error)[:500]
    if told.errorType == "timeout":
        return TimedOut(f"Prometheus: {reason}")
    if status in (400, 422):
        return BadInput(f"Prometheus refused the question: {reason}")
    return Unavailable(f"Prometheus can't answer: {reason}")
