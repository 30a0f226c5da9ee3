"""Doing together what comes in while the last lot is being done: a batch forms only when there is load."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Item, Result]):
    """Calls `run`, in a thread, with all items that wait, at most `most` at once and in `threads` calls at a time.

    `run` returns a result or an exception for each item, in their order. If it returns these in the future, they are
    waited for while the next lot is being done.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result | Exception] | Awaitable[Sequence[Result | Exception]]],
        *,
        most: int = 32,
        threads: int = 1,
    ) -> None:
        self._run = run
        self._threads = ThreadPoolExecutor(threads)
        """Its own: memory of one lot serves for the next."""
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
            self._start(self._work())
        return await future

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            lot, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results = await loop.run_in_executor(self._threads, self._run, [item for item, _ in lot])
            except Exception as error:  # noqa: BLE001 -- everybody who waits must hear of it
                results = [error] * len(lot)
            answers = [future for _, future in lot]
            if isinstance(results, Sequence):
                _answer(answers, results)
            else:
                self._start(_answer_later(answers, results))
        self._free += 1


async def _answer_later(
    answers: Sequence[asyncio.Future[Result]], results: Awaitable[Sequence[Result | Exception]]
) -> None:
    try:
        _answer(answers, await results)
    except Exception as error:  # noqa: BLE001 -- the same
        _answer(answers, [error] * len(answers))


def _answer(answers: Sequence[asyncio.Future[Result]], results: Sequence[Result | Exception]) -> None:
    for answer, result in zip(answers, results, strict=True):
        if answer.done():
            continue
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
