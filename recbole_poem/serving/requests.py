"""Requests in the numbers that a model reads, and what may not be recommended to them."""

from typing import NamedTuple, Optional

import numpy as np

from recbole_poem.serving.entry_batch import EntryBatch
from recbole_poem.serving.histories import FlatHistories


class Requests(NamedTuple):
    """What B requests bring, in numbers.

    Attributes
    ----------
    histories : FlatHistories
    entries : EntryBatch
    draws : (B,) int64
        Keys of the draws from the entries; below 0 it is the history.
    """

    histories: FlatHistories
    entries: EntryBatch
    draws: np.ndarray

    def __len__(self) -> int:
        return len(self.histories.request)

    def of(self, rows: np.ndarray) -> "Requests":
        """Return some of the requests, by their places in ascending order."""
        return Requests(self.histories.of(rows), self.entries.of(rows), self.draws[rows])


class Limits(NamedTuple):
    """What may not be recommended to B requests.

    Attributes
    ----------
    row, item : (C,) int64
        Pairs of a request and an item that it may not get.
    allowed : (B, n_items) or (1, n_items) bool, or None
        The only items that may be recommended, where that is limited.
    """

    row: np.ndarray
    item: np.ndarray
    allowed: Optional[np.ndarray]
