"""Processor seconds of a piece of work, of which a map may do parts in other processes."""

import os
import time
from functools import partial
from typing import Any, Callable, Iterator, Sequence, Tuple

from recbole_poem.core.workers import Map


class Meter:
    """Counts the processor's seconds of this process, and of the tasks that others do for it."""

    def __init__(self) -> None:
        self._begin, self._elsewhere = time.process_time(), 0.0

    @property
    def seconds(self) -> float:
        """The seconds since it was made, of all threads."""
        return time.process_time() - self._begin + self._elsewhere

    def metered(self, parallel_map: Map) -> Map:
        """Return a map that counts what its tasks take in other processes."""

        def measured(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
            for result, process, seconds in parallel_map(partial(_timed, function), tasks):
                self._elsewhere += seconds * (process != os.getpid())
                yield result

        return measured


def _timed(function: Callable[[Any], Any], task: Any) -> Tuple[Any, int, float]:
    begin = time.thread_time()
    result = function(task)
    return result, os.getpid(), time.thread_time() - begin
