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
        self.find(np.zeros(d, dtype=np.float32), 1, np.zeros(0, dtype=np.int64))  # no user waits

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return the m best items and all that might be among them; see `Shortlist.find`."""
        barred = np.append(without, np.arange(self._n, len(self._scale) + 1))
        norm = np.float32(_norms(state[np.newaxis])[0])
        coded = self._codes, self._scale, self._radius
        low = np.empty((_GROUPS, len(self._codes)), dtype=np.float32)
        _lower_bounds(*coded, state, norm, barred, low)
        # the m highest are of different items, which is enough: the m-th of all is not below
        floor = np.partition(low, -m, axis=None)[-m] if m < low.size else np.float32(-np.inf)
        blocks = np.flatnonzero(low.max(axis=0) + 2 * norm * self._widest >= floor)
        found = np.empty(_BLOCK * len(blocks), dtype=np.int64)
        n_found = _reaching(*coded, state, norm, barred, blocks, floor, found)
        return found[:n_found], float(floor)


def _norms(vectors: np.ndarray) -> np.ndarray:
    """Return the length of each vector, (n,) float64: squares of small numbers need the range."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))


@compiled
def _lower_bounds(
    codes: np.ndarray,
    scale: np.ndarray,
    radius: np.ndarray,
    state: np.ndarray,
    norm: np.float32,
    barred: np.ndarray,
    low: np.ndarray,
) -> None:
    """Write the highest lower bound of each group of items.

    Parameters
    ----------
    codes : (n_blocks, d, _BLOCK) int8
    scale, radius : (n_blocks * _BLOCK,) float32
        s_i, and what ||r_i|| is not above.
    state : (d,) float32
    norm : float32
        ||u||.
    barred : (C,) int64
        Items that are not looked for, in ascending order, and at last a number that is no item.
    low : (_GROUPS, n_blocks) float32
        Written; -inf for barred items.
    """
    bound = np.empty(_BLOCK, dtype=np.float32)
    at = 0
    for block in range(codes.shape[0]):
        begin = block * _BLOCK
        _products(codes, scale, state, block, bound)
        for item in range(_BLOCK):
            bound[item] -= norm * radius[begin + item]
        while barred[at] < begin + _BLOCK:
            bound[barred[at] - begin] = -np.inf
            at += 1
        width = _BLOCK
        while width > _GROUPS:
            width //= 2
            for item in range(width):
                bound[item] = max(bound[item], bound[width + item])
        for group in range(_GROUPS):
            low[group, block] = bound[group]


@compiled
def _reaching(
    codes: np.ndarray,
    scale: np.ndarray,
    radius: np.ndarray,
    state: np.ndarray,
    norm: np.float32,
    barred: np.ndarray,
    blocks: np.ndarray,
    floor: np.float32,
    found: np.ndarray,
) -> int:
    """Write the items of some blocks whose upper bound reaches `floor`; return their number."""
    product = np.empty(_BLOCK, dtype=np.float32)
    at = n_found = 0
    for block in blocks:
        begin = block * _BLOCK
        _products(codes, scale, state, block, product)
        for item in range(_BLOCK):
            while barred[at] < begin + item:
                at += 1
            if barred[at] > begin + item and product[item] + norm * radius[begin + item] >= floor:
                found[n_found] = begin + item
                n_found += 1
    return n_found


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
