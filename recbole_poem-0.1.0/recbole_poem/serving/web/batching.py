"""Requests that arrive while others are answered are answered together.

A model scores a hundred requests in little more time than one. While a batch is computed the next
requests gather, and when it is done all of them go into the next one: at low load nobody waits, at
high load the batches grow. How many may gather and how long they may wait is bounded, so that an
overloaded service refuses what it could not answer in time.
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Deque, Generic, List, Optional, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


class OverloadedError(RuntimeError):
    """More requests wait, or one has waited longer, than the bounds allow."""


@dataclass(frozen=True)
class _Asked(Generic[Question, Answer]):
    """A question that waits."""

    question: Question
    future: "asyncio.Future[Answer]"
    deadline: float

    def refuse(self, error: Exception) -> None:
        """Tell whoever has asked, and still waits, what went wrong."""
        if not self.future.done():
            self.future.set_exception(error)


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
    budget : float
        Seconds that a question may wait; it is refused when its turn comes later.
    """

    def __init__(
        self,
        answer: Callable[[List[Question]], List[Answer]],
        max_batch: int = 64,
        max_waiting: int = 1024,
        budget: float = float("inf"),
    ) -> None:
        self._answer, self._max_batch, self._max_waiting = answer, max_batch, max_waiting
        self._budget = budget
        self._waiting: Deque[_Asked[Question, Answer]] = deque()
        self._thread = ThreadPoolExecutor(1, "recommender")
        self._working: Optional[asyncio.Task[None]] = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, question: Question) -> Answer:
        """Return the answer to a question.

        Raises
        ------
        OverloadedError
            If too many wait already, or this one has waited too long.
        """
        if len(self._waiting) >= self._max_waiting:
            raise OverloadedError(f"{self._max_waiting} requests are waiting already")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Asked(question, future, loop.time() + self._budget))
        if self._working is None:
            self._working = loop.create_task(self._work())
        return await future

    async def aside(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function in the thread of the answers, between two batches."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)

    async def _work(self) -> None:
        """Answer batch after batch until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = self._next_batch(loop.time())
                if not batch:
                    continue
                questions = [asked.question for asked in batch]
                try:
                    answers = await loop.run_in_executor(self._thread, self._answer, questions)
                except Exception as error:
                    for asked in batch:
                        asked.refuse(error)
                else:
                    for asked, answer in zip(batch, answers):
                        if not asked.future.done():
                            asked.future.set_result(answer)
        finally:
            self._working = None

    def _next_batch(self, now: float) -> "List[_Asked[Question, Answer]]":
        """Take the next questions; refuse late ones, drop those of whoever has gone away."""
        batch: List[_Asked[Question, Answer]] = []
        while self._waiting and len(batch) < self._max_batch:
            asked = self._waiting.popleft()
            if now > asked.deadline:
                asked.refuse(OverloadedError(f"it has waited for {self._budget} s"))
            elif not asked.future.done():
                batch.append(asked)
        return batch

    def close(self) -> None:
        """End the thread once the batch in progress is done."""
        self._thread.shutdown()
