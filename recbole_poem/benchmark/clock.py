"""The time that a run takes, and when it has trained as long as it may."""

import time
from typing import Any, Callable, Dict, List

import torch

#: Beyond its limit of training, a process may prepare, evaluate and finish its epoch so long.
SPARE_SECONDS = 3600.0


class TimeLimit(Exception):  # noqa: N818 (it ends training, and is no error)
    """A run has trained as long as it may."""


class Clock:
    """Seconds since the process started, and the validation score after each epoch.

    Parameters
    ----------
    limit : float
        Seconds of training after which `note` raises `TimeLimit`.
    on_gpu : bool
        Whether these are seconds of the wall clock. On the CPU they are seconds of the processor
        for each thread, so that what else the machine does takes nothing away from a run, unless
        it takes half of `SPARE_SECONDS`: the rest is left to evaluate what has been trained.
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
        self.curve: List[Dict[str, float]] = []
        self._set_out()

    def start_training(self) -> None:
        """Take down that training starts now."""
        self._set_out()
        self._tell(self.curve)

    def _set_out(self) -> None:
        self.training_since = self.seconds()
        self._worked_before = self._worked()

    def _worked(self) -> float:
        if self._on_gpu:
            return time.perf_counter()
        return time.process_time() / torch.get_num_threads()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.perf_counter() - self._begin

    def note(self, epoch: int, score: float) -> None:
        """Take down the score of an epoch; the trainer calls this when its checkpoint is whole."""
        self.curve.append({"epoch": epoch, "score": float(score), "seconds": self.seconds()})
        self._tell(self.curve)
        late = self.seconds() - self.training_since > self._limit + SPARE_SECONDS / 2
        if late or self._worked() - self._worked_before > self._limit:
            raise TimeLimit
