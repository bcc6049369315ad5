"""Requests that arrive while others are answered are answered together.

A model scores a hundred requests in little more time than one. While a batch is computed the next
requests gather, and when it is done all of them go into the next one: at low load nobody waits, at
high load the batches grow. How many may gather is bounded, so that an overloaded service refuses at
once what it could not answer in time.
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Deque, Generic, List, Optional, Tuple, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class OverloadedError(RuntimeError):
    """More requests wait than the bound allows."""


class Batcher(Generic[Question, Answer]):
    """Gathers the questions of an event loop, and answers them in one thread.

    Parameters
    ----------
    answer : function
        From a list of questions to the list of their answers, in the same order. What it raises
        reaches everybody whose question was in the batch.
    max_batch : int
        Questions that are answered together at most.
    max_waiting : int
        Questions that may wait for the next batch.
    """

    def __init__(
        self,
        answer: Callable[[List[Question]], List[Answer]],
        max_batch: int = 64,
        max_waiting: int = 1024,
    ) -> None:
        self._answer, self._max_batch, self._max_waiting = answer, max_batch, max_waiting
        self._waiting: Deque[Tuple[Question, asyncio.Future[Answer]]] = deque()
        self._thread = ThreadPoolExecutor(1, "recommender")
        self._working: Optional[asyncio.Task[None]] = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, question: Question) -> Answer:
        """Return the answer to a question.

        Raises
        ------
        OverloadedError
            If too many wait already.
        """
        if len(self._waiting) >= self._max_waiting:
            raise OverloadedError(f"{self._max_waiting} requests are waiting already")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, future))
        if self._working is None:
            self._working = loop.create_task(self._work())
        return await future

    async def _work(self) -> None:
        """Answer batch after batch until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                size = min(len(self._waiting), self._max_batch)
                batch = [self._waiting.popleft() for _ in range(size)]
                # whoever has gone away meanwhile is not answered
                batch = [(question, future) for question, future in batch if not future.done()]
                if not batch:
                    continue
                questions = [question for question, _ in batch]
                try:
                    answers = await loop.run_in_executor(self._thread, self._answer, questions)
                except Exception as error:
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for (_, future), answer in zip(batch, answers):
                        if not future.done():
                            future.set_result(answer)
        finally:
            self._working = None

    def close(self) -> None:
        """End the thread once the batch in progress is done."""
        self._thread.shutdown()
