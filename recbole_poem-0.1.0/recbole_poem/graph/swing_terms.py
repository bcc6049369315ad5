"""The terms of Swing's sum as whole numbers, so that no order of addition can change a result.

A swing of two users weighs w_u w_v / (α + |I_u ∩ I_v|). Every such term is rounded once to a
multiple of one power of two, the unit: so small that the terms of one user still add up within
the 53 bits of a float64, and all terms within the 63 bits of an int64. All additions are then
exact, hence associative: blocks, tiles, threads, workers and processors cannot change a single
bit of the sum (Demmel and Nguyen, "Parallel Reproducible Summation", IEEE Transactions on
Computers 64(7), 2015, round before they add in the same way).
"""

import math
from typing import Any, Callable, Iterable, NamedTuple, Sequence, Tuple

import numpy as np
import scipy.sparse as sp

from recbole_poem.graph.compiled import compiled

#: Behaves like the builtin `map` on one function and one sequence: results in the order of the
#: tasks. Functions and tasks can be pickled.
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]

LARGEST_EXPONENT = 900  # of 1 / unit: an enormous alpha must not push it beyond a float64


class Terms(NamedTuple):
    """Who consumed what, by user and by item, and all that weighs a swing besides the overlap.

    Attributes
    ----------
    item_starts : (n_users + 1,) uint64
        The items of user u are `items` from ``item_starts[u]`` to ``item_starts[u + 1]``.
    items : (n_interactions,) uint32
        Ascending for each user.
    user_starts : (n_items + 1,) uint64
    users : (n_interactions,) uint32
        The same by item.
    weight : (n_users,) float64
        w_u.
    alpha : float
        α >= 0.
    unit : float
        The power of two that the sums are counted in.
    """

    item_starts: np.ndarray
    items: np.ndarray
    user_starts: np.ndarray
    users: np.ndarray
    weight: np.ndarray
    alpha: float
    unit: float


@compiled
def weigh(terms: Terms, one: int, other: int, overlap: int) -> float:
    """Weigh the swing of two users who share `overlap` items, in units.

    Returns
    -------
    float
        A whole number >= 0; the sum over any users `other` for one user is below 2^53, the sum
        over all pairs of users that share an item below 2^63.
    """
    swings = (terms.weight[one] / terms.unit) * terms.weight[other] / (terms.alpha + overlap)
    return np.rint(swings)


def terms_of(consumed: sp.csr_matrix, alpha: float) -> Tuple[Terms, np.ndarray]:
    """Prepare the sum: weights from all items, then only users and items that can swing.

    Users with the fewest items come first, so that each pair of users can be summed by its
    smaller one; items with the most users come first, so that what is touched most lies close
    together.

    Parameters
    ----------
    consumed : (n_users, n_items) csr
        Ones.
    alpha : float
        α >= 0.

    Returns
    -------
    terms : Terms
        Of the users with two items or more and the items with two users or more: others make no
        pair.
    items : (n_kept,) int64
        The column of `consumed` that each item of the terms was.
    """
    sizes = np.diff(consumed.indptr)
    users = np.flatnonzero(sizes >= 2)
    users = users[np.argsort(sizes[users], kind="stable")]
    consumed = consumed[users].astype(np.int8)
    popularity = np.bincount(consumed.indices, minlength=consumed.shape[1])
    items = np.flatnonzero(popularity >= 2)
    items = items[np.argsort(-popularity[items], kind="stable")]
    consumed = consumed[:, items]
    consumed.sort_indices()
    weight = 1 / np.sqrt(sizes[users])
    by_item = consumed.T.tocsr()
    by_item.sort_indices()
    unit = _unit(consumed, weight, alpha)
    return Terms(*_lists(consumed), *_lists(by_item), weight, float(alpha), unit), items


def sum_lists(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum the values of each list, from ``starts[k]`` to ``starts[k + 1]``; an empty one has 0."""
    return np.diff(np.concatenate([[0.0], np.cumsum(values)])[starts])


def _lists(rows: sp.csr_matrix) -> Tuple[np.ndarray, np.ndarray]:
    return rows.indptr.astype(np.uint64), rows.indices.astype(np.uint32)


def _unit(consumed: sp.csr_matrix, weight: np.ndarray, alpha: float) -> float:
    """Return the smallest power of two that the promises of `weigh` allow.

    For one u the terms sum to at most w_u Σ_{v ∈ U_i} w_v / (α + 1), for the pairs of users of i
    to at most half of (Σ_{u ∈ U_i} w_u)² / (α + 1); the other half, and half of the first, is left
    to the roundings, half a unit each.
    """
    of_item = np.bincount(consumed.indices, np.repeat(weight, np.diff(consumed.indptr)))
    largest = of_item.max(initial=1.0)
    _, of_user = math.frexp(weight.max(initial=1.0) * largest / (alpha + 1))
    _, of_all = math.frexp(largest**2 / (alpha + 1))
    return 2.0 ** -min(52 - of_user, 63 - of_all, LARGEST_EXPONENT)
