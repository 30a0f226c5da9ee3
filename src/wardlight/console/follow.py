"""Following a query: lines as they come, those that come late too, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from wardlight.console.asking import Asking
from wardlight.console.live import pause
from wardlight.console.spans import SECOND
from wardlight.problems import Busy
from wardlight.query import QueryService
from wardlight.query.host import Entry

MOST = 200
"""Lines told at once; of a flood the newest."""
_LATE = 10 * SECOND
_BEHIND = 60 * SECOND
"""How far a reader who comes back is told what was missed."""
_LOOK_SECONDS = 1.0


async def follow(
    request: Request, queries: QueryService, asking: Asking, query: str, since: int
) -> AsyncIterator[list[Entry]]:
    """Tell the lines after `since`, the oldest first, look by look; an empty look is told too, as a sign of life."""
    start = max(since, queries.now_ns() - _BEHIND)
    shown: set[tuple[int, str, str]] = set()
    while True:
        end = queries.now_ns() + 1
        try:
            found = (await run_in_threadpool(asking.lines, query, start, end, MOST))[::-1]
        except Busy:
            found = []
        fresh = [entry for entry in found if (entry.ts, entry.stream, entry.line) not in shown]
        shown |= {(entry.ts, entry.stream, entry.line) for entry in fresh}
        yield fresh
        start = max(start, end - _LATE)
        shown = {key for key in shown if key[0] >= start}
        if not await pause(request, _LOOK_SECONDS):
            return
