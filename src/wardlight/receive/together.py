"""Doing together what comes in while the last lot is being done: a batch forms only when there is load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Item, Result]):
    """Calls `run`, in a thread, with all items that wait, at most `most` at once and in `threads` calls at a time.

    `run` returns a result or an exception for each item, in their order.
    """

    def __init__(
        self, run: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, most: int = 32, threads: int = 1
    ) -> None:
        self._run = run
        self._most = most
        self._free = threads
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, item: Item) -> Result:
        """Return the result for one item, or raise its exception."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._free:
            self._free -= 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _work(self) -> None:
        while self._waiting:
            lot, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results = await asyncio.to_thread(self._run, [item for item, _ in lot])
            except Exception as error:  # noqa: BLE001 -- everybody who waits must hear of it
                results = [error] * len(lot)
            for (_, future), result in zip(lot, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._free += 1
