"""Rows that repeat an earlier (user, item, time), found on disk.

The rows are dealt by user to files of 24 bytes a row; a row and its repetition fall to the same
file, which is small enough to be sorted in memory. So the order of the rows does not matter, and
what stays in memory is one file and the numbers of the rows that repeat. KuaiRand-27K: 322 million
rows are 7.7 GB on disk, 120 MB a file.
"""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, List, Optional, Type

import numpy as np

_FILES = 64
_RECORD = np.dtype([("pair", np.int64), ("time", np.float64), ("row", np.int64)])


class DuplicateFinder:
    """Collects rows, then names those that repeat an earlier one; a context that holds the files.

    Parameters
    ----------
    folder : Path
        Where the temporary files may lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=folder, prefix=".duplicates-")
        self._files: List[Any] = []

    def __enter__(self) -> "DuplicateFinder":
        folder = Path(self._folder.name)
        self._files = [(folder / str(number)).open("w+b") for number in range(_FILES)]
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for file in self._files:
            file.close()
        self._folder.cleanup()

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
        number = user % _FILES
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(_FILES + 1))
        for file, begin, end in zip(self._files, bounds[:-1], bounds[1:]):
            if begin < end:
                file.write(records[order[begin:end]].tobytes())

    def repeating(self) -> np.ndarray:
        """Return the numbers of the rows that repeat an earlier one, (D,) int64, ascending."""
        return np.sort(np.concatenate([_repeating(file) for file in self._files]))


def _repeating(file: Any) -> np.ndarray:
    file.seek(0)
    records = np.frombuffer(file.read(), _RECORD)
    order = np.lexsort((records["time"], records["pair"]))  # stable: equal ones stay in order
    pair, time = records["pair"][order], records["time"][order]
    again = np.flatnonzero((pair[1:] == pair[:-1]) & (time[1:] == time[:-1])) + 1
    return records["row"][order[again]]
