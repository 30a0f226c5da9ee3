"""Questions that may take long: asked in a thread of their own, stopped when the asker hangs up."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

import anyio
from fastapi import Request

Asked = TypeVar("Asked")

_POLL_SECONDS = 0.2


async def asked(request: Request, cancel: Callable[[str], None], ask: Callable[[str], Asked], tag: str = "") -> Asked:
    """Ask under a tag, of its own if none is given; when the client hangs up, `cancel` is called with it."""
    tag = tag or f"ask:{secrets.token_hex(8)}"
    asking = asyncio.ensure_future(anyio.to_thread.run_sync(ask, tag))
    while not asking.done():
        await asyncio.wait({asking}, timeout=_POLL_SECONDS)
        if not asking.done() and await request.is_disconnected():
            await anyio.to_thread.run_sync(cancel, tag)
    return await asking
