"""The second pass: rows by user and time, dealt to files of consecutive users and sorted there."""

from pathlib import Path
from typing import Iterator, Tuple

import numpy as np

from recbole_poem.data.convert.dealt_rows import DealtRows
from recbole_poem.data.convert.flat.numbering import Numbered
from recbole_poem.data.splits import halves

#: the field of a record that holds the number of its row in the atomic file
ROW = "row"


def record_of(numbered: Numbered, fields: Tuple[str, str, str]) -> np.dtype:
    """Return the type of a row: its number, and its columns by their places, ``"0"``, ``"1"``...

    Users and items are int64 and times float64, as a log has them; the rest is narrow.
    """
    exact = dict(zip(fields, (np.int64, np.int64, np.float64)))
    kinds = [(ROW, np.min_scalar_type(numbered.n_rows))]
    for place, column in enumerate(numbered.columns):
        if column.name in numbered.tokens:
            narrow = np.min_scalar_type(len(numbered.tokens[column.name]))
        else:
            narrow = numbered.types[column.name].dtype
        kinds.append((str(place), np.dtype(exact.get(column.name, narrow))))
    return np.dtype(kinds)


def sorted_rows(
    numbered: Numbered, fields: Tuple[str, str, str], folder: Path, rows_at_once: int
) -> Iterator[np.ndarray]:
    """Yield the rows by user and time, those of equal time in the order of the file.

    Parameters
    ----------
    numbered : Numbered
        Its files are gone afterwards.
    fields : tuple of str
        The columns of users, of items and of times.
    folder : Path
        For temporary files.
    rows_at_once : int
        To hold in memory, the rows of one user apart, which are held together.

    Yields
    ------
    (N,) of `record_of`
    """
    record = record_of(numbered, fields)
    names = [column.name for column in numbered.columns]
    user, _, time = (names.index(field) for field in fields)
    file_of = (np.cumsum(numbered.counts) - numbered.counts) // rows_at_once  # of each user
    begin = 0
    with DealtRows(folder, record, int(file_of[-1]) + 1) as dealt:
        for part in numbered.load():
            rows = np.empty(len(part[user]), record)
            rows[ROW] = np.arange(begin, begin + len(rows))
            begin += len(rows)
            for place, values in enumerate(part):
                rows[str(place)] = values
            dealt.add(file_of[rows[str(user)] - 1], rows)
        for rows in dealt.parts():
            if len(rows):
                order = np.lexsort((rows[str(time)], *halves(rows[str(user)])))
                yield rows[order]
