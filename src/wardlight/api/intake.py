"""The way every pushed request goes: read, decode off the event loop, sink."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request

from wardlight.access.principal import principal
from wardlight.api import body
from wardlight.clock import Clock
from wardlight.config import Receive
from wardlight.problems import Problem
from wardlight.receive.assemble import Decoding
from wardlight.receive.decompress import decompress
from wardlight.receive.of import must_be_of
from wardlight.receive.sink import Sink, Taken
from wardlight.store.seen import repetition_key

Found = TypeVar("Found", bound=Decoding)


@dataclass(frozen=True)
class Sent:
    """A request as sent, and by whom."""

    data: bytes
    encoding: str = ""
    given: str = ""
    """The sender's idempotency key."""
    source: str = ""
    """The one service whose records the sender may send; empty: any."""


class Intake:
    """What the handlers of all protocols share."""

    def __init__(self, sink: Sink, settings: Receive, clock: Clock) -> None:
        self.sink = sink
        self.settings = settings
        self.clock = clock

    async def take(self, protocol: str, request: Request, decode: Callable[[Sent], Awaitable[Found]]) -> Found:
        """Read, decompress, decode and store a request; on return its good records are on disk."""
        sent = await self.read(request)
        decoding = await decode(sent)
        taken = self.taken(protocol, sent, decoding)
        await self.sink.accept(taken.protocol, taken.decoding, taken.sent_bytes, taken.key)
        return decoding

    async def read(self, request: Request) -> Sent:
        """Read a request, if there is room for it."""
        self.sink.admit()
        source = principal(request).source
        data = await body.read(request, self.settings.max_body_bytes, "receive.max_body_bytes")
        headers = request.headers
        return Sent(data, headers.get("content-encoding", ""), headers.get("idempotency-key", ""), source)

    def taken(self, protocol: str, sent: Sent, decoding: Decoding) -> Taken:
        """Say for the sink whose records these are; raises Denied."""
        must_be_of(sent.source, decoding)
        key = repetition_key(protocol, sent.given, sent.data, timed=decoding.timed)
        return Taken(protocol, decoding, len(sent.data), key)

    async def decode(self, decode: Callable[[bytes, Receive, int], Found], sent: Sent) -> Found:
        """Decompress and decode one request, off the event loop."""
        return await asyncio.to_thread(lambda: decode(self.plain(sent), self.settings, self.clock.now_ns()))

    def plain(self, sent: Sent) -> bytes:
        """Undo the content encoding."""
        return decompress(sent.data, sent.encoding, self.settings.max_body_bytes)


def content_type(request: Request) -> str:
    """Return a request's content type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def retry_after(problem: Problem) -> dict[str, str]:
    """Return the header that says when to try again, if that makes sense."""
    return {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else {}
