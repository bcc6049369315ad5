"""The rows of ``.item`` and ``.user``: each id once, as the first row of the log has it."""

from typing import Any, List

import numpy as np
import pandas as pd

from recbole_poem.data.convert.recflow.reading import MISSING

_STEP = 2**24  # by which the room for ids grows


class Described:
    """Finds the rows with an id that no row had before; 4 bytes for each id that there may be.

    Parameters
    ----------
    columns : list of str
        The id, and what describes it.

    Attributes
    ----------
    differing : int
        Rows so far that describe their id otherwise than its first row.
    """

    def __init__(self, columns: List[str]) -> None:
        self._columns = columns
        self._hash = np.zeros(0, dtype=np.uint32)  # 0 = no row yet
        self.differing = 0

    def new(self, ids: np.ndarray, features: List[np.ndarray]) -> pd.DataFrame:
        """Return a row for each id that is new, in the order in which they come.

        Parameters
        ----------
        ids : (R,) int64
            From 0.
        features : list of (R,) int64
            `MISSING` where nothing is known.
        """
        size = int(ids.max(initial=-1)) + 1
        if size > len(self._hash):
            more = -(-size // _STEP) * _STEP - len(self._hash)
            self._hash = np.pad(self._hash, (0, more))
        hashes = _hashed(features)
        row = np.flatnonzero(self._hash[ids] == 0)
        row = row[np.sort(np.unique(ids[row], return_index=True)[1])]
        self._hash[ids[row]] = hashes[row]
        self.differing += int((self._hash[ids] != hashes).sum())
        values = [ids[row], *(feature[row] for feature in features)]
        return pd.DataFrame(dict(zip(self._columns, map(with_gaps, values))), copy=False)


def with_gaps(values: np.ndarray) -> Any:
    """Return whole numbers (R,) as pandas writes them, nothing where they are `MISSING`."""
    missing = values == MISSING
    return pd.arrays.IntegerArray(values, missing) if missing.any() else values


def _hashed(features: List[np.ndarray]) -> np.ndarray:
    """Return a number of 32 bits for each row, (R,) uint32, never 0."""
    state = np.zeros(len(features[0]), dtype=np.uint64)
    for feature in features:
        state = (state ^ feature.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        state ^= state >> np.uint64(29)
    return (state >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
