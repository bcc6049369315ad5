"""What users did with two items: counts of pairs of rows, from which similarities are made.

Counts of disjoint sets of users add up, which is what makes cross-fitting cheap: the counts without
a fold are the counts of all users less those of the fold. They are made for a *tile* of items at a
time, so that no matrix of all pairs has to exist.
"""

from typing import NamedTuple, Protocol, Tuple

import numpy as np
from scipy import sparse


class Counts(NamedTuple):
    """What the similarities of the t items of a tile to all others are made of.

    Attributes
    ----------
    pairs : (t, n_items)
        n(j, c), of the items j of the tile.
    source : (t,)
        d(j).
    target : (n_items,)
        e(c).
    begin : int
        The first item of the tile.
    """

    pairs: sparse.csr_matrix
    source: np.ndarray
    target: np.ndarray
    begin: int = 0


class Pairs(Protocol):
    """Pairs of rows of some users that are to be counted, none of them formed yet.

    They travel to workers. A *tile* is a range of items, those that a pair begins with.
    """

    @property
    def work(self) -> np.ndarray:
        """Pairs of rows that begin with each item, (n_items,) int64, the most that there can be."""

    def of(self, tile: range) -> sparse.csr_matrix:
        """Count the pairs of a tile: n(j, c), (t, n_items)."""

    def sums(self, tile: range) -> Tuple[np.ndarray, np.ndarray]:
        """Return d and e of the items of a tile, (t,) each."""


def counted(pairs: Pairs, n_items: int) -> Counts:
    """Count all pairs at once."""
    everything = range(n_items)
    return Counts(pairs.of(everything), *pairs.sums(everything))
