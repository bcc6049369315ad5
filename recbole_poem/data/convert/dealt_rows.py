"""Rows that are dealt to files on disk, so that those that belong together can meet in memory."""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Iterator, List, Optional, Type

import numpy as np

_FILES = 64


class DealtRows:
    """Collects records in temporary files; a context that holds them.

    Parameters
    ----------
    folder : Path
        Where the files may lie.
    record : dtype
        Of a row, with named fields.
    n_files : int
        To deal to: key k falls to file k modulo `n_files`.
    """

    def __init__(self, folder: Path, record: np.dtype, n_files: int = _FILES) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=folder, prefix=".dealt-")
        self._record, self._n_files = record, n_files
        self._files: List[Any] = []

    def __enter__(self) -> "DealtRows":
        folder = Path(self._folder.name)
        self._files = [(folder / str(number)).open("w+b") for number in range(self._n_files)]
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

    def add(self, key: np.ndarray, records: np.ndarray) -> None:
        """Collect rows: those of one key fall to one file, in the order in which they come.

        Parameters
        ----------
        key : (R,) int64
            From 0.
        records : (R,)
        """
        number = key % self._n_files
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(self._n_files + 1))
        for file, begin, end in zip(self._files, bounds[:-1], bounds[1:]):
            if begin < end:
                file.write(records[order[begin:end]].tobytes())

    def parts(self) -> Iterator[np.ndarray]:
        """Yield the records of one file after the other; the files are empty afterwards."""
        for file in self._files:
            file.seek(0)
            records = np.frombuffer(file.read(), self._record)
            file.seek(0)
            file.truncate()
            yield records
