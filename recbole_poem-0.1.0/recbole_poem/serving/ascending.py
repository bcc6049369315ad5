"""Items as ascending arrays: sets of a hundred, without the overhead of numpy's set functions."""

from typing import Tuple

import numpy as np


def summed(item: np.ndarray, value: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Return the different items of `item` (S,), ascending, and the sum of `value` (S,) of each."""
    order = item.argsort()
    item = item[order]
    begin = np.flatnonzero(np.append(True, item[1:] != item[:-1])[: len(item)])
    return item[begin], np.add.reduceat(value[order], begin) if len(begin) else value[:0]


def is_in(item: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Tell which items (S,) are among `some` (C,), which are ascending: (S,) bool."""
    if not len(some):
        return np.zeros(len(item), dtype=bool)
    return some[np.searchsorted(some, item).clip(max=len(some) - 1)] == item
