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
    times : (B,) float64
        When they are made, in the unit of the data set's time; NaN is now, behind training.
    """

    histories: FlatHistories
    entries: EntryBatch
    draws: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.histories.request)

    def of(self, rows: np.ndarray) -> "Requests":
        """Return some of the requests, by their places in ascending order."""
        histories, entries = self.histories.of(rows), self.entries.of(rows)
        return Requests(histories, entries, self.draws[rows], self.times[rows])
