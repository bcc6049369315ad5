"""Requests in the numbers that a model reads."""

from typing import NamedTuple

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
