"""Server-sent events: what a page is told while it is open (HTML Living Standard, 9.2).

A stream ends after a minute and the browser opens the next by itself, so that whoever was signed out meanwhile is
told nothing more; and when the server stops, so that it need not wait: whoever runs the application sets
`app.state.stopping`, a function that says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
from fastapi import Request
from fastapi.responses import StreamingResponse

MINUTE = 60.0
_RETRY_MS = 500
_TICK = 0.25


@dataclass(frozen=True)
class Event:
    """Something to tell: its data, its name if it isn't a plain message, and from where to go on after a break."""

    data: str
    name: str = ""
    id: str = ""

    def __str__(self) -> str:
        r"""Write it as the stream has it.

        >>> str(Event("a\nb", id="7"))
        'id: 7\ndata: a\ndata: b\n\n'
        """
        head = [f"event: {self.name}"] if self.name else []
        head += [f"id: {self.id}"] if self.id else []
        # Only these end a line there; `splitlines` would cut at others too.
        lines = self.data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return "\n".join([*head, *(f"data: {line}" for line in lines)]) + "\n\n"


STILL = Event("-", "still")
"""Nothing new; the connection lives. (An event without data would not be told to the page.)"""


def told(events: AsyncIterator[Event], headers: dict[str, str]) -> StreamingResponse:
    """Answer with a stream of events."""

    async def written() -> AsyncIterator[str]:
        yield f"retry: {_RETRY_MS}\n\n"
        over = anyio.current_time() + MINUTE
        async for event in events:
            yield str(event)
            if anyio.current_time() > over:
                break

    return StreamingResponse(written(), headers=headers | {"X-Accel-Buffering": "no"}, media_type="text/event-stream")


async def pause(request: Request, seconds: float) -> bool:
    """Wait; say whether to go on: not when the server stops or the reader has left."""
    stopping = getattr(request.app.state, "stopping", None)
    for _ in range(max(1, int(seconds / _TICK))):
        if (stopping is not None and stopping()) or await request.is_disconnected():
            return False
        await anyio.sleep(_TICK)
    return True
