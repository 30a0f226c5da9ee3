"""`/loki/api/v1/tail`: new lines as they come, over a websocket.

Lines are looked for every half second in a window that reaches back a few seconds, so that what arrives late is still
shown; what was shown is remembered. When more comes than is sent, the rest is counted in `dropped_entries`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.datastructures import QueryParams

from wardlight.api import loki_params as read
from wardlight.api.loki_http import PREFIX, Parameters, reader_of, refusal
from wardlight.api.loki_json import streams
from wardlight.problems import BadInput, Busy, Problem
from wardlight.query import QueryService, Reader
from wardlight.query.answer import Streams
from wardlight.query.host import Entry
from wardlight.query.service import streams_of

_LOOK_SECONDS = 0.5
_LATE_NS = 10 * read.SECOND
_MAX_DELAY = 5
_MOST = 2000


def router(service: QueryService) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["loki"])

    @routes.websocket(PREFIX + "/tail")
    async def tail(socket: WebSocket) -> None:
        try:
            following = _Tail(service, socket)
        except Problem as problem:
            await socket.send_denial_response(refusal(problem))
            return
        await socket.accept()
        await following.run()

    return routes


class _Tail:
    """One client that follows a query. Raises BadInput for parameters that make no sense."""

    def __init__(self, service: QueryService, socket: WebSocket) -> None:
        given = _parameters(socket.query_params)
        now = service.now_ns()
        self._service = service
        self._socket = socket
        self._query = given.get("query", "")
        self._reader = reader_of(socket)
        service.check(self._query, self._reader)
        delay = given.get("delay_for", "") or "0"
        if not delay.isdecimal() or int(delay) > _MAX_DELAY:
            raise BadInput(f"delay_for can't be greater than {_MAX_DELAY}")
        self._delay = int(delay) * read.SECOND
        self._start, _ = read.bounds(given, now)
        self._limit = min(read.positive(given, "limit", 100), service.settings.max_entries)
        self._categorized = read.categorizes(socket.headers)
        self._shown: set[tuple[int, str, str]] = set()

    async def run(self) -> None:
        """Send until the client hangs up."""
        sending = asyncio.ensure_future(self._send())
        try:
            while not sending.done():
                receiving = asyncio.ensure_future(self._socket.receive())
                await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    receiving.cancel()
                elif receiving.result()["type"] == "websocket.disconnect":
                    break
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self) -> None:
        end = self._service.now_ns() - self._delay
        await self._show(await self._ask(partial(self._newest, end)), None)
        since = max(self._start, end - _LATE_NS)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            end = self._service.now_ns() - self._delay + 1
            try:
                found = await self._ask(partial(self._service.follow, self._query, since, end, _MOST))
            except Busy:
                continue
            except Problem as problem:
                await self._socket.close(1011, str(problem)[:120])
                return
            behind = len(found) == _MOST
            lost = found[-1].ts if behind and end - found[-1].ts > _LATE_NS else None
            await self._show(found, lost)
            # Whoever can't keep up goes on with what is new; else the window reaches back for what comes late.
            since = end if lost else found[-1].ts if behind else max(self._start, end - _LATE_NS)
            self._shown = {key for key in self._shown if key[0] >= min(since, end - _LATE_NS)}

    def _newest(self, end: int, reader: Reader) -> list[Entry]:
        """List the last lines before now, to begin with."""
        found = self._service.newest(self._query, self._start, end, self._limit, reader)
        return found[::-1]

    async def _ask(self, ask: Callable[[Reader], list[Entry]]) -> list[Entry]:
        return await anyio.to_thread.run_sync(ask, self._reader)

    async def _show(self, found: list[Entry], lost_from: int | None) -> None:
        """Send what wasn't shown yet; tell since when lines were left out, if any were."""
        fresh = []
        for entry in found:
            key = (entry.ts, entry.stream, entry.line)
            if key not in self._shown:
                self._shown.add(key)
                fresh.append(entry)
        if not fresh and lost_from is None:
            return
        written = streams(Streams(streams_of(fresh, categorized=self._categorized)), categorized=self._categorized)
        message: dict[str, Any] = {"streams": written}
        if self._categorized:
            message["encodingFlags"] = ["categorize-labels"]
        if lost_from is not None:
            message["dropped_entries"] = [{"timestamp": str(lost_from), "labels": {}}]
        try:
            await self._socket.send_text(msgspec.json.encode(message).decode())
        except (WebSocketDisconnect, RuntimeError):
            raise asyncio.CancelledError from None


def _parameters(found: QueryParams) -> Parameters:
    return Parameters({name: found.getlist(name) for name in found})
