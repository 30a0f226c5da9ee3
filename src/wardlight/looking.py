"""Looking again and again, in a thread, for as long as the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

_log = logging.getLogger(__name__)


@asynccontextmanager
async def looking(
    look: Callable[[], object], pause: Callable[[], float], what: str, failed: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Call `look` while inside, each time `pause()` seconds after the last; at the end the running call is waited for.

    A call that fails is logged as `what`, told to `failed`, and followed by the next.
    """
    stop = asyncio.Event()

    async def run() -> None:
        while not stop.is_set():
            try:
                await asyncio.to_thread(look)
            except Exception:  # noqa: BLE001 -- whatever it is, the next look may go well
                _log.exception("%s failed", what)
                failed()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause())

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        stop.set()
        await task
