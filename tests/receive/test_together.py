"""Doing together what waits: each gets its own answer, and a lot that is answered later holds the next one up in nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Sequence

from wardlight.receive.together import Together


def halved(lot: Sequence[int]) -> list[float | Exception]:
    return [number / 2 if number else ValueError("nothing") for number in lot]


async def test_each_gets_its_own_answer() -> None:
    together: Together[int, float] = Together(halved)
    found = await asyncio.gather(*map(together.do, (1, 0, 4)), return_exceptions=True)
    assert (found[0], found[2]) == (0.5, 2.0)
    assert isinstance(found[1], ValueError)


async def test_what_comes_in_meanwhile_is_one_lot() -> None:
    lots: list[int] = []

    def counted(lot: Sequence[int]) -> list[float | Exception]:
        lots.append(len(lot))
        return halved(lot)

    together: Together[int, float] = Together(counted, most=3)
    await asyncio.gather(*map(together.do, range(1, 8)))
    assert lots == [3, 3, 1]


async def test_an_answer_in_the_future_does_not_hold_up_the_next_lot() -> None:
    begun, released = threading.Event(), asyncio.Event()

    async def later(lot: Sequence[int]) -> list[float | Exception]:
        await released.wait()
        return halved(lot)

    def run(lot: Sequence[int]) -> list[float | Exception] | Awaitable[list[float | Exception]]:
        begun.set()
        return later(lot) if lot[0] == 1 else halved(lot)

    together: Together[int, float] = Together(run)
    first = asyncio.ensure_future(together.do(1))
    await asyncio.to_thread(begun.wait, 10)
    assert await together.do(2) == 1.0
    assert not first.done()
    released.set()
    assert await first == 0.5


async def test_everybody_hears_of_a_lot_that_failed_later() -> None:
    async def failing(lot: Sequence[int]) -> list[float | Exception]:
        raise OSError(str(len(lot)))

    together: Together[int, float] = Together(failing)
    found = await asyncio.gather(*map(together.do, (1, 2)), return_exceptions=True)
    assert [type(one) for one in found] == [OSError, OSError]
