"""The terms of Swing's sum as whole numbers, so that no order of addition can change a result.

A swing of two users weighs w_u w_v / (α + |I_u ∩ I_v|). Every such term is rounded once to a
multiple of one power of two, the unit: so small that the terms of one user still add up within
the 53 bits of a float64, and all terms within the 63 bits of an int64. All additions are then
exact, hence associative: blocks, tiles, threads, workers, BLAS libraries and processors cannot
change a single bit of the sum (Demmel and Nguyen, "Parallel Reproducible Summation", IEEE
Transactions on Computers 64(7), 2015, round before they add in the same way).
"""

import math
from typing import Any, Callable, Iterable, NamedTuple, Sequence, Tuple

import numpy as np
import scipy.sparse as sp

#: Behaves like the builtin `map` on one function and one sequence: results in the order of the
#: tasks. Functions and tasks can be pickled.
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]

LARGEST_EXPONENT = 900  # of 1 / unit: an enormous alpha must not push it beyond a float64


class Terms(NamedTuple):
    """Who consumed what, and all that the weight of a swing needs besides the overlap.

    Attributes
    ----------
    consumed : (n_users, n_items) csr of int8
        Ones, column indices ascending. Users of one item and items of one user make no pair and
        may be missing.
    weight : (n_users,) float64
        w_u.
    alpha : float
        α >= 0.
    unit : float
        The power of two that the sums are counted in.
    """

    consumed: sp.csr_matrix
    weight: np.ndarray
    alpha: float
    unit: float

    def weigh(self, one: np.ndarray, other: np.ndarray, overlap: np.ndarray) -> np.ndarray:
        """Weigh swings, in units.

        Parameters
        ----------
        one, other : float64, broadcastable
            The weights w of the two users.
        overlap : float64, broadcastable
            |I_u ∩ I_v| >= 1.

        Returns
        -------
        np.ndarray
            float64, whole numbers >= 0; the sum over any v for one u is below 2^53, the sum over
            all pairs of users that share an item below 2^63.
        """
        swings = (one / self.unit) * other / (self.alpha + overlap)
        return np.rint(swings, out=swings)


def terms_of(consumed: sp.csr_matrix, alpha: float) -> Tuple[Terms, np.ndarray]:
    """Prepare the sum: weights from all items, then only users and items that can swing.

    Parameters
    ----------
    consumed : (n_users, n_items) csr
        Ones, column indices ascending.
    alpha : float
        α >= 0.

    Returns
    -------
    terms : Terms
        Of the users with two items or more and the items with two users or more.
    items : (n_kept,) int64
        The column of `consumed` that each column of the terms was, ascending.
    """
    sizes = np.diff(consumed.indptr)
    users = np.flatnonzero(sizes >= 2)
    consumed = consumed[users].astype(np.int8)
    items = np.flatnonzero(np.bincount(consumed.indices, minlength=consumed.shape[1]) >= 2)
    consumed = consumed[:, items]
    consumed.sort_indices()
    weight = 1 / np.sqrt(sizes[users])
    return Terms(consumed, weight, alpha, _unit(consumed, weight, alpha)), items


def _unit(consumed: sp.csr_matrix, weight: np.ndarray, alpha: float) -> float:
    """Return the smallest power of two that the promises of `Terms.weigh` allow.

    For one u the terms sum to at most w_u Σ_{v ∈ U_i} w_v / (α + 1), for the pairs of users of i
    to at most half of (Σ_{u ∈ U_i} w_u)² / (α + 1); the other half, and half of the first, is left
    to the roundings, half a unit each.
    """
    of_item = np.bincount(consumed.indices, np.repeat(weight, np.diff(consumed.indptr)))
    largest = of_item.max(initial=1.0)
    _, of_user = math.frexp(weight.max(initial=1.0) * largest / (alpha + 1))
    _, of_all = math.frexp(largest**2 / (alpha + 1))
    return 2.0 ** -min(52 - of_user, 63 - of_all, LARGEST_EXPONENT)
