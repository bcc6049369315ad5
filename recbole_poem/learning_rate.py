"""How the learning rate changes over a training; RecBole's trainers keep it as it is."""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator

from torch.optim import Optimizer


def constant(progress: float) -> float:
    """Return 1: the learning rate stays as it is, as in RecBole."""
    return 1.0


def linear(progress: float) -> float:
    """Return what is left of the training: the learning rate falls on a line to zero."""
    return 1.0 - progress


#: key ``learning_rate_schedule``: the share of ``learning_rate`` to take, by the share of all
#: steps of the training that are done, from 0, below 1
SCHEDULES: Dict[str, Callable[[float], float]] = {"constant": constant, "linear": linear}


@contextmanager
def scheduled(optimizer: Optimizer, rate: Callable[[int], float]) -> Iterator[None]:
    """Set the learning rate of all parameters before each step that is taken inside.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    rate : callable
        From the number of steps taken inside before, to the learning rate of the next one.
    """
    taken = 0

    def before_step(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        nonlocal taken
        for group in optimizer.param_groups:
            group["lr"] = rate(taken)
        taken += 1

    handle = optimizer.register_step_pre_hook(before_step)
    try:
        yield
    finally:
        handle.remove()
