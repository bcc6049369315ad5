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
        rest = np.linalg.norm(items - scale[:, np.newaxis] * code, axis=1)
        # and what the sums of d rounded products may be off by
        rounding = d * np.finfo(np.float32).eps * np.linalg.norm(items, axis=1)
        pad = -n % _BLOCK
        self._n = n
        self._scale = np.pad(scale, (0, pad)).astype(np.float32)
        self._radius = np.pad(rest + rounding, (0, pad)).astype(np.float32)
        codes = np.pad(code.astype(np.int8), ((0, pad), (0, 0))).reshape(-1, _BLOCK, d)
        self._codes = np.ascontiguousarray(codes.transpose(0, 2, 1))  # (blocks, d, _BLOCK)
        self._widest = self._radius.reshape(-1, _BLOCK).max(axis=1)

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return the m best items and all that might be among them; see `Shortlist.find`."""
        norm = np.linalg.norm(state)
        barred = np.append(without, np.arange(self._n, len(self._scale) + 1))
        low = np.empty((_GROUPS, len(self._codes)), dtype=np.float32)
        _lower_bounds(self._codes, self._scale, self._radius, state, norm, barred, low)
        # the m highest are of different items, which is enough: the m-th of all is not below
        floor = np.partition(low, -m, axis=None)[-m] if m < low.size else np.float32(-np.inf)
        blocks = np.flatnonzero(low.max(axis=0) + 2 * norm * self._widest >= floor)
        item = (blocks[:, np.newaxis] * _BLOCK + np.arange(_BLOCK)).ravel()
        middle = np.empty(len(item), dtype=np.float32)
        _products(self._codes, self._scale, state, blocks, middle)
        found = item[middle + norm * self._radius[item] >= floor]
        return found[barred[np.searchsorted(barred, found)] != found], float(floor)


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
    """Write the highest lower bound of each group of items into `low`; -inf for barred items.

    `barred` is ascending and ends with a number that is no item.
    """
    total = np.empty(_BLOCK, dtype=np.float32)
    at = 0
    for block in range(codes.shape[0]):
        _sum(codes, state, block, total)
        begin = block * _BLOCK
        for item in range(_BLOCK):
            total[item] = total[item] * scale[begin + item] - norm * radius[begin + item]
        while barred[at] < begin + _BLOCK:
            total[barred[at] - begin] = -np.inf
            at += 1
        width = _BLOCK
        while width > _GROUPS:
            width //= 2
            for item in range(width):
                total[item] = max(total[item], total[width + item])
        low[:, block] = total[:_GROUPS]


@compiled
def _products(
    codes: np.ndarray, scale: np.ndarray, state: np.ndarray, blocks: np.ndarray, found: np.ndarray
) -> None:
    """Write the products of a state with the coded items of some blocks into `found`."""
    total = np.empty(_BLOCK, dtype=np.float32)
    for place in range(len(blocks)):
        _sum(codes, state, blocks[place], total)
        for item in range(_BLOCK):
            scaled = total[item] * scale[blocks[place] * _BLOCK + item]
            found[place * _BLOCK + item] = scaled


@compiled
def _sum(codes: np.ndarray, state: np.ndarray, block: int, total: np.ndarray) -> None:
    """Write the products of a state with the codes of a block into `total`."""
    total[:] = 0
    for place in range(codes.shape[1]):
        factor = state[place]
        for item in range(_BLOCK):
            total[item] += np.float32(codes[block, place, item]) * factor
