"""A day's file in Feather, part by part, its values checked.

The types of the columns are not published. Whole numbers are read from columns of whole numbers,
from numbers that are whole, and from true and false.
"""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.parquet import arrow
from recbole_poem.data.convert.columns import LARGEST_ID
from recbole_poem.data.convert.recflow.columns import DAY

#: stands for a value that is missing
MISSING = int(np.iinfo(np.int64).min)


class Part:
    """Some rows of a day.

    Parameters
    ----------
    path : Path
    first_row : int
        The number of rows before them.
    columns : dict of pyarrow.Array
    """

    def __init__(self, path: Path, first_row: int, columns: Dict[str, Any]) -> None:
        self.path, self.first_row, self._columns = path, first_row, columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def ids(self, name: str) -> np.ndarray:
        """Return the ids of a column, (R,) int64, from 0, below 2^31."""
        values = self.whole(name)
        self._refuse(
            name, (values < 0) | (values >= LARGEST_ID), f"an id from 0, below {LARGEST_ID}", values
        )
        return values

    def flags(self, name: str) -> np.ndarray:
        """Return a column of 0 and 1, (R,) bool."""
        values = self.whole(name)
        self._refuse(name, (values != 0) & (values != 1), "0 or 1", values)
        return values == 1

    def numbers_from_0(self, name: str, below: int) -> np.ndarray:
        """Return whole numbers from 0, (R,) int64."""
        values = self.whole(name)
        words = f"a whole number from 0, below {below}"
        self._refuse(name, (values < 0) | (values >= below), words, values)
        return values

    def whole(self, name: str) -> np.ndarray:
        """Return the whole numbers of a column, (R,) int64; none may be missing."""
        values = self.maybe(name)
        self._refuse(name, values == MISSING, "a whole number", None)
        return values

    def maybe(self, name: str, rows: Optional[np.ndarray] = None) -> np.ndarray:
        """Return the whole numbers of a column, (R,) int64; `MISSING` where there is none.

        Parameters
        ----------
        rows : (n,) int64, optional
            Those to return; all, unless said otherwise.

        Raises
        ------
        InputError
            Naming file, row and column of the first value that is no whole number.
        """
        column = self._columns[name]
        kind = str(column.type)
        if kind == "null":
            return np.full(len(self) if rows is None else len(rows), MISSING)
        if not kind.startswith(("int", "uint", "float", "double", "halffloat", "bool")):
            raise InputError(
                f"{self.path}: column '{name}' holds {kind}; RecFlow has whole numbers there"
            )
        values = column.to_numpy(zero_copy_only=False)
        if rows is not None:
            values = values[rows]
        if values.dtype.kind in "iub" and not column.null_count:
            return values.astype(np.int64, copy=False)
        numbers = values.astype(np.float64)  # nulls are NaN
        is_missing = np.isnan(numbers)
        wrong = ~is_missing & ((numbers % 1 != 0) | (np.abs(numbers) > 2**53))
        self._refuse(name, wrong, "a whole number", numbers, rows)
        return np.where(is_missing, MISSING, np.where(is_missing, 0, numbers).astype(np.int64))

    def _refuse(
        self,
        name: str,
        wrong: np.ndarray,
        words: str,
        values: Optional[np.ndarray],
        rows: Optional[np.ndarray] = None,
    ) -> None:
        places = np.flatnonzero(wrong)
        if len(places):
            place = int(places[0])
            found = "nothing" if values is None or values[place] == MISSING else values[place]
            row = self.first_row + 1 + (place if rows is None else int(rows[place]))
            raise InputError(f"{self.path}, row {row}: expected {words} as '{name}', found {found}")


def parts(path: Path, names: Optional[List[str]] = None, bar: Any = None) -> Iterator[Part]:
    """Yield a day, a record batch at a time (65,536 rows, as pandas and pyarrow write them).

    Parameters
    ----------
    names : list of str, optional
        The columns to read; all of RecFlow, unless said otherwise.
    bar : optional
        A bar of bytes to move on.

    Raises
    ------
    InputError
        If it cannot be read, or its columns are not those of RecFlow.
    """
    pa = arrow()
    size = _size(path)
    try:
        with pa.OSFile(str(path)) as content:
            columns = _columns(path, pa.ipc.open_file(content).schema.names)
            fields = [columns[name] for name in names or DAY]
            options = pa.ipc.IpcReadOptions(included_fields=sorted(fields))
            reader = pa.ipc.open_file(content, options=options)
            where = {field: place for place, field in enumerate(sorted(fields))}
            first_row, moved = 0, 0
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                found = {
                    name: batch.column(where[field]) for name, field in zip(names or DAY, fields)
                }
                if batch.num_rows:
                    yield Part(path, first_row, found)
                first_row += batch.num_rows
                if bar is not None:
                    now = size * (number + 1) // reader.num_record_batches
                    bar.update(now - moved)
                    moved = now
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{path}: cannot be read as Feather, version 2 ({_first_line(error)}); get it again"
        ) from error


def other_columns(paths: List[Path]) -> List[str]:
    """Return what a summary says of columns that RecFlow is not known to have."""
    pa = arrow()
    found = set()
    for path in paths:
        with pa.OSFile(str(path)) as content:
            names = (name.strip() for name in pa.ipc.open_file(content).schema.names)
            found |= {name for name in names if name not in DAY}
    return [f"columns passed over: {', '.join(sorted(found))}"] if found else []


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not size:
        raise InputError(
            f"{path}: the file is empty; the repository of RecFlow holds empty files in the place "
            "of the data, which are had from the addresses in its README"
        )
    return size


def _columns(path: Path, names: List[str]) -> Dict[str, int]:
    """Return where each column of RecFlow stands; blanks around a name are known to occur."""
    columns: Dict[str, int] = {}
    for place, name in enumerate(names):
        if name.strip() in columns:
            raise InputError(f"{path}: column '{name.strip()}' is there twice")
        columns[name.strip()] = place
    for name in DAY:
        if name not in columns:
            raise InputError(f"{path}: there is no column '{name}', which a day of RecFlow has")
    return columns


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
