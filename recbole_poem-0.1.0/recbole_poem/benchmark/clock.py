"""The time that a run takes, and when it has worked as long as it may.

What a model needs before it trains is part of its cost: preparation counts like training. A request
cache that another run has built is charged with what its building took.
"""

import os
import time
from typing import Any, Callable, Dict, List

import torch

#: Beyond its limit, a process may evaluate and finish its epoch so long.
SPARE_SECONDS = 3600.0


class TimeLimit(Exception):  # noqa: N818 (it ends training, and is no error)
    """A run has prepared and trained as long as it may."""


class Clock:
    """Seconds since the process started, and the validation score after each epoch.

    Parameters
    ----------
    limit : float
        Seconds of preparation and training after which `note` raises `TimeLimit`.
    on_gpu : bool
        Whether these are seconds of the wall clock. On the CPU they are seconds of the processor
        for each thread, those of processes that have ended for this one included, so that what else
        the machine does takes nothing away from a run, unless it takes half of `SPARE_SECONDS`: the
        rest is left to evaluate what has been trained.
    tell : callable, optional
        Called with the curve when training starts and after each epoch.
    """

    def __init__(
        self,
        limit: float,
        on_gpu: bool,
        tell: Callable[[List[Dict[str, float]]], Any] = lambda curve: None,
    ) -> None:
        self._begin = time.perf_counter()
        self._limit, self._on_gpu, self._tell = limit, on_gpu, tell
        self._worked_before = self._worked()
        self.curve: List[Dict[str, float]] = []
        self.training_since, self._found = 0.0, 0.0

    def charge(self, processor_seconds: float) -> None:
        """Count preparation that another run has done, and this one found.

        Of the clock, it counts as if each of this run's threads had done its share.
        """
        self._found += processor_seconds / torch.get_num_threads()

    def start_training(self) -> None:
        """Take down that training starts now; its limit runs since the clock was made."""
        self.training_since = self.seconds()
        self._tell(self.curve)

    def _worked(self) -> float:
        """Return the seconds of the wall, or of all threads of the processor."""
        return time.perf_counter() if self._on_gpu else sum(os.times()[:4])

    def seconds(self) -> float:
        """Return the seconds since the start, and those it was charged with."""
        return time.perf_counter() - self._begin + self._found

    def note(self, epoch: int, score: float) -> None:
        """Take down the score of an epoch; the trainer calls this when its checkpoint is whole."""
        self.curve.append({"epoch": epoch, "score": float(score), "seconds": self.seconds()})
        self._tell(self.curve)
        late = time.perf_counter() - self._begin > self._limit + SPARE_SECONDS / 2
        share = 1 if self._on_gpu else torch.get_num_threads()
        worked = (self._worked() - self._worked_before) / share + self._found
        if late or worked > self._limit:
            raise TimeLimit
