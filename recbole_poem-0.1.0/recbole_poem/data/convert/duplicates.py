"""Rows that repeat an earlier (user, item, time), found on disk.

The rows are dealt by user to files of 24 bytes a row; a row and its repetition fall to the same
file, which is small enough to be sorted in memory. So the order of the rows does not matter, and
what stays in memory is one file and the numbers of the rows that repeat. KuaiRand-27K: 322 million
rows are 7.7 GB on disk, 120 MB a file.
"""

from pathlib import Path
from types import TracebackType
from typing import Optional, Type

import numpy as np

from recbole_poem.data.convert.dealt_rows import DealtRows

_RECORD = np.dtype([("pair", np.int64), ("time", np.float64), ("row", np.int64)])


class DuplicateFinder:
    """Collects rows, then names those that repeat an earlier one; a context that holds the files.

    Parameters
    ----------
    folder : Path
        Where the temporary files may lie.
    """

    def __init__(self, folder: Path) -> None:
        self._rows = DealtRows(folder, _RECORD)

    def __enter__(self) -> "DuplicateFinder":
        self._rows.__enter__()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._rows.__exit__(kind, error, trace)

    def add(self, row: np.ndarray, user: np.ndarray, item: np.ndarray, time: np.ndarray) -> None:
        """Collect rows.

        Parameters
        ----------
        row : (R,) int64
            Their numbers, ascending from call to call.
        user, item : (R,) int64
            From 0, below 2^31.
        time : (R,) float64
        """
        records = np.empty(len(row), _RECORD)
        records["pair"], records["time"], records["row"] = user << 32 | item, time, row
        self._rows.add(user, records)

    def repeating(self) -> np.ndarray:
        """Return the numbers of the rows that repeat an earlier one, (D,) int64, ascending."""
        return np.sort(np.concatenate([_repeating(part) for part in self._rows.parts()]))


def _repeating(records: np.ndarray) -> np.ndarray:
    order = np.lexsort((records["time"], records["pair"]))  # stable: equal ones stay in order
    pair, time = records["pair"][order], records["time"][order]
    again = np.flatnonzero((pair[1:] == pair[:-1]) & (time[1:] == time[:-1])) + 1
    return records["row"][order[again]]
