"""Item-to-item similarities, as counts over the users' rows and one normalisation.

Every similarity here is ``s(j, c) = n(j, c) / (sqrt(d(j)) sqrt(e(c)) + shrinkage)`` for a count n
of pairs of rows of one user. Counts of disjoint sets of users add up, which is what makes
cross-fitting cheap: the counts without a fold are the counts of all users less those of the fold.
The cosine of implicit feedback is Sarwar et al. (WWW 2001); the shrinkage is Koren's (KDD 2008).

A function takes the rows that are evidence and returns the counts; it is registered under the name
that the configuration uses, with its parameters and their defaults.
"""

from typing import Any, Callable, Dict, NamedTuple, Optional

import numpy as np
from scipy import sparse

from recbole_poem.upstream.requests import RequestLog


class Counts(NamedTuple):
    """What a similarity is made of; counts of disjoint sets of users add up.

    Attributes
    ----------
    pairs : (n_items, n_items)
        n(j, c).
    source, target : (n_items,)
        d(j) and e(c).
    """

    pairs: sparse.csr_matrix
    source: np.ndarray
    target: np.ndarray

    def plus(self, other: "Counts") -> "Counts":
        """Return these counts and those of other users together."""
        return Counts(
            self.pairs + other.pairs, self.source + other.source, self.target + other.target
        )

    def without(self, part: "Counts") -> "Counts":
        """Return these counts less those of a part of the users."""
        return Counts(self.pairs - part.pairs, self.source - part.source, self.target - part.target)


def co_consumption(log: RequestLog, rows: np.ndarray) -> Counts:
    """Count the users who consumed both items, in any order.

    Parameters
    ----------
    log : RequestLog
    rows : (E,) int64
        Rows that are evidence, ascending.

    Returns
    -------
    Counts
        d = e = the users of each item, so that the similarity is the cosine.
    """
    shape = (log.n_users, log.n_items)
    consumed = sparse.csr_matrix((np.ones(len(rows)), (log.user[rows], log.item[rows])), shape)
    consumed.data[:] = 1  # a user who consumed an item twice is one user
    users = np.asarray(consumed.sum(axis=0)).ravel()
    return Counts((consumed.T @ consumed).tocsr(), users, users)


def transition(
    log: RequestLog,
    rows: np.ndarray,
    steps: int,
    discount: float,
    within: Optional[float],
) -> Counts:
    """Count how often an item followed another one, at most `steps` rows later.

    Parameters
    ----------
    steps : int
        Largest distance between the two rows, in rows of evidence of the same user.
    discount : float
        A pair at distance s counts ``discount ** (s - 1)``.
    within : float or None
        Largest time between the two rows, in the unit of the time field.

    Returns
    -------
    Counts
        n(j, c) counts c after j; d and e are its row and column sums.
    """
    pairs = sparse.csr_matrix((log.n_items, log.n_items))
    for step in range(1, steps + 1):
        earlier, later = rows[:-step], rows[step:]
        keep = log.user[earlier] == log.user[later]
        if within is not None:
            keep &= log.time[later] - log.time[earlier] <= within
        earlier, later = earlier[keep], later[keep]
        weight = np.full(len(earlier), discount ** (step - 1))
        pairs += sparse.csr_matrix((weight, (log.item[earlier], log.item[later])), pairs.shape)
    return _with_sums(pairs)


def session(
    log: RequestLog, rows: np.ndarray, steps: int, discount: float, within: Optional[float]
) -> Counts:
    """Count how often two items were consumed close together, in either order.

    The parameters are those of `transition`.
    """
    forward = transition(log, rows, steps, discount, within).pairs
    return _with_sums((forward + forward.T).tocsr())


def _with_sums(pairs: sparse.csr_matrix) -> Counts:
    return Counts(
        pairs, np.asarray(pairs.sum(axis=1)).ravel(), np.asarray(pairs.sum(axis=0)).ravel()
    )


#: name -> counting function
SIMILARITIES: Dict[str, Callable[..., Counts]] = {
    "cosine": co_consumption,
    "transition": transition,
    "session": session,
}

#: name -> the parameters that the configuration may set, with their defaults
PARAMETERS: Dict[str, Dict[str, Any]] = {
    "cosine": {"shrinkage": 10.0},
    "transition": {"shrinkage": 10.0, "steps": 1, "discount": 0.9, "within": None},
    "session": {"shrinkage": 10.0, "steps": 30, "discount": 1.0, "within": None},
}


def normalise(counts: Counts, shrinkage: float, top_k: int) -> sparse.csr_matrix:
    """Turn counts into similarities and keep the `top_k` largest of each row.

    Returns
    -------
    (n_items, n_items) float32, zero diagonal.
    """
    pairs = counts.pairs.tocoo()
    # a difference of counts leaves entries of 0, or of a rounding error above it
    kept = (pairs.row != pairs.col) & (pairs.data > 1e-9)
    row, column = pairs.row[kept], pairs.col[kept]
    scale = np.sqrt(counts.source[row] * counts.target[column]) + shrinkage
    values = (pairs.data[kept] / scale).astype(np.float32)
    begin = np.r_[0, np.cumsum(np.bincount(row, minlength=len(counts.source)))]
    return keep_largest(sparse.csr_matrix((values, column, begin), pairs.shape), top_k)


def keep_largest(matrix: sparse.csr_matrix, top_k: int) -> sparse.csr_matrix:
    """Keep the `top_k` largest entries of each row; ties go to the lower column.

    Parameters
    ----------
    matrix : float32
        Its entries are not negative.
    """
    matrix.sort_indices()
    is_long = np.diff(matrix.indptr) > top_k
    length = np.diff(matrix.indptr)[is_long]
    in_long = np.repeat(is_long, np.diff(matrix.indptr))
    # one sort for all rows: row by row, and there by the bits, which order as the values do
    bits = matrix.data[in_long].astype(np.float32, copy=False).view(np.int32)
    keys = (np.repeat(np.arange(len(length)), length) << 32) - bits
    ordered, begin = np.sort(keys), np.cumsum(length) - length
    last = ordered[begin + top_k - 1]  # of those kept in each row, if there are no ties
    room = begin + top_k - np.searchsorted(ordered, last)  # for entries as large as the last
    is_tied = keys == np.repeat(last, length)
    n_tied = np.cumsum(is_tied)
    number = n_tied - np.repeat(n_tied[begin] - is_tied[begin], length)  # from 1, in each row
    kept = np.ones(matrix.nnz, dtype=bool)
    kept[in_long] = np.where(
        is_tied, number <= np.repeat(room, length), keys < np.repeat(last, length)
    )
    n_kept = np.r_[0, np.cumsum(kept)][matrix.indptr]
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], n_kept), matrix.shape)
