"""The graph of items that users consume one shortly after the other, weighted by the time between.

Our reading of "weighted co-occurrence with a constrained number and time intervals" in the abstract
of GIMIRec (arXiv 2112.08717); its equations are not known to us:

    W_ij = sum_u sum over places p < q <= p + w of exp(-|t_q - t_p| / T0),  i and j at p and q,

of which each user adds the c heaviest terms of a pair at most. An item keeps its heaviest
neighbours, and an edge stays if one of its two items keeps it: so W is symmetric.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp


class _Pairs(NamedTuple):
    """Pairs of different items, (P,) each: ``low < high``, and how much a pair weighs."""

    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray

    def of(self, rows: np.ndarray) -> "_Pairs":
        """Return some of them."""
        return _Pairs(*(column[rows] for column in self))


def co_occurrences(
    user: np.ndarray,
    item: np.ndarray,
    time: np.ndarray,
    n_items: int,
    window: int = 3,
    decay: float = 86400.0,
    cap: int = 1,
    top_k: int = 50,
) -> sp.csr_matrix:
    """Count how often two items are consumed shortly after each other.

    It takes memory for R x `window` pairs. The order of the users changes no bit of the result.

    Parameters
    ----------
    user, item : (R,) int64
        Of R rows in blocks of users, each in the order of time; items from 1.
    time : (R,) float64
    n_items : int
        With the padding item 0, below 2^31.
    window : int
        w, from 1: how many rows behind a row go with it.
    decay : float
        T0 > 0, in the unit of `time`: a pair that lies so far apart weighs 1/e.
    cap : int
        c, from 1: how many times a user counts for a pair of items.
    top_k : int
        Neighbours that an item keeps, from 1; among equal ones those of lower ids.

    Returns
    -------
    (n_items, n_items) csr of float32
        W: symmetric, no diagonal, only entries > 0, column indices ascending. An item has more than
        `top_k` neighbours where others keep it.
    """
    pairs = _heaviest(_summed(_capped(user, item, time, window, decay, cap), n_items), top_k)
    row, column = _both_ways(pairs)
    weight = np.tile(pairs.weight, 2).astype(np.float32)
    graph = sp.csr_matrix((weight, (row, column)), shape=(n_items, n_items))
    graph.eliminate_zeros()  # of pairs that lie years apart
    graph.sort_indices()
    return graph


def with_loops(graph: sp.csr_matrix) -> sp.csr_matrix:
    """Return ``D^(-1/2) (W + I) D^(-1/2)``, D the sums of the rows of ``W + I``.

    Parameters
    ----------
    graph : (n_items, n_items) csr of float32
        W, symmetric.

    Returns
    -------
    (n_items, n_items) csr of float32
        Symmetric, its largest eigenvalue 1; every diagonal entry is above 0.
    """
    looped = graph.astype(np.float64) + sp.identity(graph.shape[0], format="csr")
    scale = sp.diags(1 / np.sqrt(np.asarray(looped.sum(axis=1)).ravel()))
    normal = (scale @ looped @ scale).tocsr().astype(np.float32)
    normal.sort_indices()
    return normal


def _capped(
    user: np.ndarray, item: np.ndarray, time: np.ndarray, window: int, decay: float, cap: int
) -> _Pairs:
    """List the pairs of all users, those of one user and one pair of items up to `cap` times."""
    whose, found = [], []
    for step in range(1, window + 1):
        one, other = slice(None, -step), slice(step, None)
        near = np.flatnonzero((user[one] == user[other]) & (item[one] != item[other]))
        first, second = item[one][near], item[other][near]
        gap = np.abs(time[other][near] - time[one][near])
        whose.append(user[one][near])
        found.append(
            _Pairs(np.minimum(first, second), np.maximum(first, second), np.exp(-gap / decay))
        )
    who = np.concatenate(whose)
    pairs = _Pairs(*map(np.concatenate, zip(*found)))
    order = np.lexsort((-pairs.weight, pairs.high, pairs.low, who))
    place = _place_in_run(who[order], pairs.low[order], pairs.high[order])
    return pairs.of(order[place < cap])


def _summed(pairs: _Pairs, n_items: int) -> _Pairs:
    """Add up the weights of equal pairs, the lightest first: no order of the users matters."""
    order = np.lexsort((pairs.weight, pairs.low * n_items + pairs.high))
    low, high, weight = pairs.of(order)
    begin = np.flatnonzero(_place_in_run(low, high) == 0)
    total = np.add.reduceat(weight, begin) if len(begin) else weight
    return _Pairs(low[begin], high[begin], total)


def _heaviest(pairs: _Pairs, top_k: int) -> _Pairs:
    """Keep the pairs that are among the `top_k` heaviest of one of their items."""
    row, column = _both_ways(pairs)
    order = np.lexsort((column, -np.tile(pairs.weight, 2), row))
    kept = np.zeros(len(row), dtype=bool)
    kept[order] = _place_in_run(row[order]) < top_k
    return pairs.of(kept.reshape(2, -1).any(axis=0))


def _both_ways(pairs: _Pairs) -> "tuple[np.ndarray, np.ndarray]":
    """Return rows and columns of a symmetric matrix, (2 P,) each."""
    return np.concatenate(pairs[:2]), np.concatenate(pairs[1::-1])


def _place_in_run(*columns: np.ndarray) -> np.ndarray:
    """Return the place of each row (R,) in its run of equal ones, from 0."""
    row = np.arange(len(columns[0]))
    new = np.zeros(len(row), dtype=bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return row - np.maximum.accumulate(np.where(new, row, 0)) if len(row) else row
