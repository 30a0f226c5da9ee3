"""Reading request bodies, bounded."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect

from wardlight.problems import TooLarge


async def read(request: Request, limit: int, setting: str) -> bytes:
    """Read a request's body as sent; raises TooLarge naming the setting beyond `limit` bytes."""
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() else 0
    parts: list[bytes] = []
    taken, more = 0, True
    while more and size <= limit:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        taken += len(parts[-1])
        size = max(size, taken)
    if size > limit:
        raise TooLarge(f"the request is larger than {limit} bytes ({setting})")
    return parts[0] if len(parts) == 1 else b"".join(parts)
