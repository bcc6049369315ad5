"""What users did with two items: counts of pairs of rows, from which similarities are made.

Counts of disjoint sets of users add up, which is what makes cross-fitting cheap: the counts without
a fold are the counts of all users less those of the fold.
"""

from typing import NamedTuple, Optional

import numpy as np
from scipy import sparse

from recbole_poem.log.requests import RequestLog


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
