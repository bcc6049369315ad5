"""Pairs of items that the same users consumed, in any order."""

from typing import Tuple

import numpy as np
from scipy import sparse

from recbole_poem.log.requests import RequestLog


class CoConsumption:
    """The users who consumed both items; d = e = the users of each item.

    Parameters
    ----------
    log : RequestLog
    rows : (E,) int64
        Rows that are evidence.
    """

    def __init__(self, log: RequestLog, rows: np.ndarray) -> None:
        shape = (log.n_users, log.n_items)
        ones = np.ones(len(rows))
        self._by_user = sparse.csr_matrix((ones, (log.user[rows], log.item[rows])), shape)
        self._by_user.data[:] = 1  # a user who consumed an item twice is one user
        self._by_item = self._by_user.T.tocsr()

    @property
    def work(self) -> np.ndarray:
        """The items of an item's users, (n_items,) int64: exactly what is multiplied."""
        return np.asarray(self._by_item @ np.diff(self._by_user.indptr), dtype=np.int64)

    def of(self, tile: range) -> sparse.csr_matrix:
        """Count the users who consumed an item of the tile and each other item."""
        return (self._by_item[tile.start : tile.stop] @ self._by_user).tocsr()

    def sums(self, tile: range) -> Tuple[np.ndarray, np.ndarray]:
        """Return the users of the items of the tile, twice."""
        users = np.diff(self._by_item.indptr[tile.start : tile.stop + 1]).astype(np.float64)
        return users, users
