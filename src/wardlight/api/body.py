"""Reading request bodies, bounded."""

from __future__ import annotations

from fastapi import Request

from wardlight.problems import TooLarge


async def read(request: Request, limit: int, setting: str) -> bytes:
    """Read a request's body as sent; raises TooLarge naming the setting beyond `limit` bytes."""
    problem = TooLarge(f"the request is larger than {limit} bytes ({setting})")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise problem
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise problem
    return bytes(body)
