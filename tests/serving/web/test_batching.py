"""Batches: everybody gets their own answer, in few batches, within bounds."""

import asyncio
import threading
from typing import List

import pytest

from recbole_poem.serving.web.batching import Batcher, OverloadedError


class Doubler:
    """Doubles numbers; the first batch is held until it is let go."""

    def __init__(self) -> None:
        self.batches: List[List[int]] = []
        self.may_go = threading.Event()

    def __call__(self, numbers: List[int]) -> List[int]:
        self.batches.append(numbers)
        assert self.may_go.wait(10)
        if -1 in numbers:
            raise ValueError("no negative numbers")
        return [2 * number for number in numbers]


async def asked(batcher: "Batcher[int, int]", numbers: List[int]) -> "List[asyncio.Task[int]]":
    """Ask, and return once every question waits or is being answered."""
    tasks = [asyncio.ensure_future(batcher.ask(number)) for number in numbers]
    await asyncio.sleep(0.05)
    return tasks


def test_those_who_come_meanwhile_are_answered_together() -> None:
    doubler = Doubler()

    async def run() -> List[int]:
        batcher = Batcher(doubler, max_batch=4)
        tasks = await asked(batcher, [0])
        tasks += await asked(batcher, [1, 2, 3, 4, 5, 6])
        assert len(batcher) == 6
        doubler.may_go.set()
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(run()) == [0, 2, 4, 6, 8, 10, 12]
    assert doubler.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_nobody_waits_where_nothing_is_computed() -> None:
    doubler = Doubler()
    doubler.may_go.set()

    async def run() -> None:
        batcher = Batcher(doubler)
        for number in range(5):
            assert await batcher.ask(number) == 2 * number

    asyncio.run(run())
    assert [len(batch) for batch in doubler.batches] == [1] * 5


def test_more_than_may_wait_are_refused_and_the_others_answered() -> None:
    doubler = Doubler()

    async def run() -> None:
        batcher = Batcher(doubler, max_waiting=2)
        tasks = await asked(batcher, [0])
        tasks += await asked(batcher, [1, 2])
        with pytest.raises(OverloadedError, match="2 requests are waiting already"):
            await batcher.ask(3)
        doubler.may_go.set()
        assert await asyncio.gather(*tasks) == [0, 2, 4]
        assert await batcher.ask(3) == 6

    asyncio.run(run())


def test_a_failure_reaches_its_batch_and_no_other() -> None:
    doubler = Doubler()
    doubler.may_go.set()

    async def run() -> None:
        batcher = Batcher(doubler)
        found = await asyncio.gather(*[batcher.ask(n) for n in (-1, 5)], return_exceptions=True)
        assert [type(one) for one in found] == [ValueError, ValueError]
        assert await batcher.ask(5) == 10

    asyncio.run(run())


def test_who_has_gone_away_is_not_answered() -> None:
    doubler = Doubler()

    async def run() -> None:
        batcher = Batcher(doubler)
        first = await asked(batcher, [0])
        gone, stays = await asked(batcher, [1, 2])
        gone.cancel()
        await asyncio.sleep(0)
        doubler.may_go.set()
        assert await stays == 4
        assert await first[0] == 0

    asyncio.run(run())
    assert doubler.batches == [[0], [2]]
