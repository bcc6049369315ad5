"""The chances of the world: each number is keyed by what it is for.

The numbers are those of `recbole_poem.core.noise`, compiled: a world draws half a billion of them.
Two worlds that differ in their retrieval alone draw the same numbers wherever they meet the same
user, request and item. So they are twins, and their difference is paired by user.
"""

from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple, Union

import numpy as np
from scipy.special import ndtri

from recbole_poem.core.noise import Purpose


class Draw(IntEnum):
    """What a number of the world is drawn for; draws of different kinds are independent."""

    ITEM_VECTOR = 0
    ITEM_QUALITY = 1
    ITEM_DURATION = 2
    ITEM_ARRIVAL = 3
    TASTE = 4
    ACTIVITY = 5
    CONTEXT = 6
    FIRST_TIME = 7
    GAP = 8
    RANKER_ERROR = 9
    RANKER_NOISE = 10
    RETRIEVED = 11
    CAUGHT = 12
    WATCH = 13
    SKIP = 14
    LOOP = 15
    REACTION = 16
    LEAVING = 17
    CENTRE = 18
    CLUE_SIDE = 19
    CLUE_NOISE = 20
    NOMINATED = 21


class Chance(NamedTuple):
    """Draws numbers by their keys.

    Attributes
    ----------
    seed : int
        Of the world.
    """

    seed: int

    def uniform(self, draw: Draw, *keys: Union[np.ndarray, int]) -> np.ndarray:
        """Return numbers in [0, 1), one for each combination of keys.

        Parameters
        ----------
        draw : Draw
        *keys : int64 arrays or ints
            Broadcast against each other; their order matters.

        Returns
        -------
        float64, in the broadcast shape
        """
        mix, fraction = _compiled()
        state = np.uint64(self.seed * 0x9E3779B97F4A7C15 % 2**64)
        with np.errstate(over="ignore"):  # the mixing wraps around
            for key in (int(Purpose.WORLD), int(draw), *keys):
                state = mix(state, np.asarray(key, dtype=np.int64).view(np.uint64))
        numbers: np.ndarray = fraction(state)
        return numbers

    def normal(self, draw: Draw, *keys: Union[np.ndarray, int]) -> np.ndarray:
        """Return standard normal numbers, one for each combination of keys; see `uniform`."""
        # half a step away from 0, whose quantile is -inf
        numbers: np.ndarray = ndtri(self.uniform(draw, *keys) + 2.0**-54)
        return numbers


@lru_cache(maxsize=None)
def _compiled() -> "tuple[Any, Any]":
    """Return SplitMix64's step and what makes a fraction of its state, as functions on arrays."""
    import numba  # takes a second, which those who draw nothing need not wait for

    def mix(state, key):  # type: ignore[no-untyped-def]
        state = state + key + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))

    def fraction(state):  # type: ignore[no-untyped-def]
        return (state >> np.uint64(11)) * 2.0**-53

    return (
        numba.vectorize(["uint64(uint64, uint64)"])(mix),
        numba.vectorize(["float64(uint64)"])(fraction),
    )
