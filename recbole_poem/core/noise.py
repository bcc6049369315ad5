"""Random numbers that depend on what they are for, not on when or where they are drawn.

A number is keyed: by the seed, by the purpose, by the request and epoch, by the item. So a request
gets the same draw in every batch, on every device, in every order of its candidates, and on however
many processes an epoch is trained. The mixing function is SplitMix64's (Steele, Lea, Flood,
OOPSLA 2014), in wrapping int64.
"""

import random
from contextlib import contextmanager
from enum import IntEnum
from typing import Iterator, Union

import numpy as np
import torch


class Purpose(IntEnum):
    """What numbers are drawn for; draws of different purposes are independent."""

    PARTIAL_ORDER = 0
    REQUEST = 1
    HARD_NEGATIVE_SHARE = 2
    HARD_NEGATIVE = 3
    SAMPLED_NEGATIVE = 4
    SHUFFLE = 5
    UNIFORM_NEGATIVE = 6
    UNEXPOSED = 7
    HISTORY_GAP = 8
    EVALUATION = 9
    WORLD = 10
    SAMPLED_USER = 11
    POSITION_NEGATIVE = 12
    MAIN_NETWORK = 13
    PERTURBED_ITEM = 14
    NEXT_ACTION = 15
    CAP = 16
    ITEM_ROWS = 17


def uniform(seed: int, purpose: Purpose, *keys: Union[torch.Tensor, int]) -> torch.Tensor:
    """Return independent uniform numbers in [0, 1), one for each combination of keys.

    Parameters
    ----------
    seed : int
    purpose : Purpose
    *keys : int64 tensors or ints
        Broadcast against each other; their order matters.

    Returns
    -------
    float64, in the broadcast shape
    """
    state = torch.tensor(_signed(seed * 0x9E3779B97F4A7C15))
    for key in (int(purpose), *keys):
        state = _mix(state + key)
    return ((state >> 11) & ((1 << 53) - 1)).double() / (1 << 53)


@contextmanager
def own_streams(seed: int, purpose: Purpose, *keys: int) -> Iterator[int]:
    """Let Python, numpy and torch draw from streams of their own within it.

    It is for code of others, which draws from the streams of the whole process. These go on
    afterwards as if nothing had been drawn.

    Parameters
    ----------
    seed : int
    purpose : Purpose
    *keys : int

    Yields
    ------
    int
        What the streams are seeded with, from 0, below 2^32.
    """
    start = int(uniform(seed, purpose, *keys) * 2**32)
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(start)
        np.random.seed(start)
        torch.manual_seed(start)
        try:
            yield start
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


def _mix(state: torch.Tensor) -> torch.Tensor:
    state = state + _signed(0x9E3779B97F4A7C15)
    state = (state ^ ((state >> 30) & ((1 << 34) - 1))) * _signed(0xBF58476D1CE4E5B9)
    state = (state ^ ((state >> 27) & ((1 << 37) - 1))) * _signed(0x94D049BB133111EB)
    return state ^ ((state >> 31) & ((1 << 33) - 1))


def _signed(constant: int) -> int:
    """Wrap a constant into the range of int64."""
    return (constant + (1 << 63)) % (1 << 64) - (1 << 63)
