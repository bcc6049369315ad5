"""The catalogue in one byte a number: a shortlist that is certain to hold the best items.

To read the catalogue is what a single request waits for, and codes of one byte are a quarter of it.
The embedding of item i is ``e_i = s_i c_i + r_i`` with whole numbers c_i from -127 to 127, the
scale ``s_i = max_j |e_ij| / 127`` and a rest r_i. So its product with a state u lies within
``||u|| ||r_i||`` of ``s_i (u . c_i)`` (Cauchy and Schwarz), and an item whose upper bound does not
reach the m-th highest lower bound is not among the best m.
"""

from typing import Tuple

import numpy as np

from recbole_poem.graph.compiled import compiled

_BLOCK = 128  # items, whose products are summed side by side
_GROUPS = 8  # of the items of a block; the best lower bound of each is kept


class CodedItems:
    """A `Shortlist` without errors, over all items.

    Parameters
    ----------
    items : (n_items, d) float32
        Embeddings.
    """

    def __init__(self, items: np.ndarray) -> None:
        n, d = items.shape
        scale = np.maximum(np.abs(items).max(axis=1) / 127, np.finfo(np.float32).tiny)
        code = np.rint(items / scale[:, np.newaxis])
        rest = _norms(items - scale[:, np.newaxis] * code)
        # and what the sums of d rounded products may be off by
        rounding = d * np.finfo(np.float32).eps * _norms(items)
        pad = -n % _BLOCK
        self._n = n
        self._scale = np.pad(scale, (0, pad)).astype(np.float32)
        self._radius = np.pad(rest + rounding, (0, pad)).astype(np.float32)
        codes = np.pad(code.astype(np.int8), ((0, pad), (0, 0))).reshape(-1, _BLOCK, d)
        self._codes = np.ascontiguousarray(codes.transpose(0, 2, 1))  # (blocks, d, _BLOCK)
        self._widest = self._radius.reshape(-1, _BLOCK).max(axis=1)

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return the m best items and all that might be among them; see `Shortlist.find`."""
        barred = np.append(without, np.arange(self._n, len(self._scale) + 1))
        parts = self._codes, self._scale, self._radius, self._widest
        norm = np.float32(_norms(state[np.newaxis])[0])
        found, floor = _find(*parts, state, norm, barred, m)
        return found, float(floor)


def _norms(vectors: np.ndarray) -> np.ndarray:
    """Return the length of each vector, (n,) float64: squares of small numbers need the range."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))


@compiled
def _find(
    codes: np.ndarray,
    scale: np.ndarray,
    radius: np.ndarray,
    widest: np.ndarray,
    state: np.ndarray,
    norm: np.float32,
    barred: np.ndarray,
    m: int,
) -> Tuple[np.ndarray, np.float32]:
    """Return the items that may be among the m best, and the m-th highest lower bound.

    Parameters
    ----------
    codes : (n_blocks, d, _BLOCK) int8
    scale, radius : (n_blocks * _BLOCK,) float32
        s_i, and what ||r_i|| is not above.
    widest : (n_blocks,) float32
        The largest radius of each block.
    state : (d,) float32
    norm : float32
        ||u||.
    barred : (C,) int64
        Items that are not looked for, in ascending order, and at last a number that is no item.
    m : int
    """
    total = np.empty(_BLOCK, dtype=np.float32)
    low = np.empty((codes.shape[0], _GROUPS), dtype=np.float32)
    at = 0
    for block in range(codes.shape[0]):
        begin = block * _BLOCK
        _products(codes, scale, state, block, total)
        for item in range(_BLOCK):
            total[item] -= norm * radius[begin + item]
        while barred[at] < begin + _BLOCK:
            total[barred[at] - begin] = -np.inf
            at += 1
        width = _BLOCK
        while width > _GROUPS:
            width //= 2
            for item in range(width):
                total[item] = max(total[item], total[width + item])
        low[block] = total[:_GROUPS]
    # the m highest are of different items, which is enough: the m-th of all is not below
    floor = np.float32(-np.inf)
    if m < low.size:
        floor = np.partition(low.ravel(), low.size - m)[low.size - m]
    found = []
    at = 0
    for block in range(codes.shape[0]):
        if low[block].max() + 2 * norm * widest[block] < floor:
            continue
        begin = block * _BLOCK
        _products(codes, scale, state, block, total)
        for item in range(_BLOCK):
            while barred[at] < begin + item:
                at += 1
            if barred[at] > begin + item and total[item] + norm * radius[begin + item] >= floor:
                found.append(begin + item)
    return np.array(found, dtype=np.int64), floor


@compiled
def _products(
    codes: np.ndarray, scale: np.ndarray, state: np.ndarray, block: int, found: np.ndarray
) -> None:
    """Write the products of a state with the coded items of a block into `found`."""
    found[:] = 0
    for place in range(codes.shape[1]):
        factor = state[place]
        for item in range(_BLOCK):
            found[item] += np.float32(codes[block, place, item]) * factor
    for item in range(_BLOCK):
        found[item] *= scale[block * _BLOCK + item]
