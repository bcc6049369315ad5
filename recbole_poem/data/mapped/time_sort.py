"""Rows sorted by a column, on the disk: dealt to files of consecutive times, each sorted alone."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_poem.data.convert.dealt_rows import DealtRows
from recbole_poem.data.mapped.room import room
from recbole_poem.data.rows import RowNumbers

#: rows of a file that is sorted in memory
ROWS_AT_ONCE = 4_000_000
_SAMPLE = 1_000_000  # rows that tell where the files begin


def in_order_of(rows: RowNumbers, column: Any, folder: Path) -> np.ndarray:
    """Return the rows in the order of a column, ties as they stand.

    Where the folder has no room, they are sorted in memory, about 40 bytes a row.

    Parameters
    ----------
    rows : RowNumbers
        N rows.
    column : (R,)
        Of the log, float64 without gaps.
    folder : Path
        For the order, and for 10 to 16 bytes a row meanwhile.

    Returns
    -------
    (N,) unsigned integers
        Numbers of rows.
    """
    kind = np.min_scalar_type(max(len(column) - 1, 0))
    if len(rows) > ROWS_AT_ONCE:
        try:
            return _sorted_on_disk(rows, column, kind, folder)
        except OSError:  # it is full, or nothing may be written
            pass
    return _sorted(_records(rows, column, kind, 0, len(rows)))


def _sorted_on_disk(rows: RowNumbers, column: Any, kind: np.dtype, folder: Path) -> np.ndarray:
    step = max(1, len(rows) // _SAMPLE)
    sample = _read(column, rows.at(torch.arange(0, len(rows), step)))
    n_files = -(-len(rows) // ROWS_AT_ONCE)
    edges = np.quantile(sample, np.arange(1, n_files) / n_files)
    order, begin = room(folder, kind, len(rows)), 0
    with DealtRows(folder, _record(kind), n_files) as dealt:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = _records(rows, column, kind, start, min(start + ROWS_AT_ONCE, len(rows)))
            dealt.add(np.searchsorted(edges, part["time"], side="right"), part)
        for part in dealt.parts():
            order[begin : begin + len(part)] = _sorted(part)
            begin += len(part)
    return order


def _record(kind: np.dtype) -> np.dtype:
    return np.dtype([("row", kind), ("time", np.float64)])


def _records(rows: RowNumbers, column: Any, kind: np.dtype, begin: int, end: int) -> np.ndarray:
    """Return rows from one place to another, with their times."""
    numbers = rows.between(begin, end)
    records = np.empty(len(numbers), _record(kind))
    records["row"], records["time"] = numbers.numpy(), _read(column, numbers)
    return records


def _read(column: Any, numbers: torch.Tensor) -> np.ndarray:
    return np.asarray(column[numbers], np.float64)


def _sorted(records: np.ndarray) -> np.ndarray:
    return records["row"][np.argsort(records["time"], kind="stable")]
