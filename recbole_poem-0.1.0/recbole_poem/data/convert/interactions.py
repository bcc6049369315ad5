"""From logs to the rows of ``.inter``: two passes, memory bounded by a part of the log.

The first pass reads users, items and times alone, checks them and finds the rows to drop; the
second one reads everything, adds the derived columns and writes. Rows keep the order of the files,
which are read by name, so that the same source gives the same bytes.
"""

from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import Column
from recbole_poem.data.convert.duplicates import DuplicateFinder
from recbole_poem.data.convert.reading import chunks
from recbole_poem.data.convert.summary import Summary


class LogFormat(NamedTuple):
    """What the logs of a data set look like.

    Attributes
    ----------
    what : str
        Their name, for errors.
    columns : dict
        Column -> what it holds; among them ``user_id`` and ``video_id``.
    time : str
        The column of the time.
    derived : dict
        Column -> type of those that `derive` adds.
    derive : callable
        From rows, and the file that they are from, to the rows with the derived columns.
    """

    what: str
    columns: Dict[str, Column]
    time: str
    derived: Dict[str, str]
    derive: Callable[[pd.DataFrame, Path], pd.DataFrame]

    def types(self) -> Dict[str, str]:
        """Return the types of all columns of the rows written, in their order."""
        return {**{name: column.type for name, column in self.columns.items()}, **self.derived}


class Dropped(NamedTuple):
    """What the first pass found.

    Attributes
    ----------
    duplicates, timeless : (D,) int64
        Numbers of rows, counted over all files, ascending.
    start : float
        The first time of the logs, infinite if there is none.
    """

    duplicates: np.ndarray
    timeless: np.ndarray
    start: float

    def rows(self, keep_duplicates: bool) -> np.ndarray:
        """Return the numbers of the rows to leave out, ascending."""
        return self.timeless if keep_duplicates else np.union1d(self.timeless, self.duplicates)

    def sentences(self, keep_duplicates: bool) -> List[str]:
        """Return what a summary says of them."""
        verb = "kept" if keep_duplicates else "dropped"
        found = [f"{verb} {len(self.duplicates):,} rows that repeat an earlier (user, video, time)"]
        if len(self.timeless):
            found.append(f"dropped {len(self.timeless):,} rows without a time")
        return found


def survey(paths: List[Path], log: LogFormat, folder: Path, bar: Any = None) -> Dropped:
    """Find the rows that repeat an earlier (user, video, time), and those without a time.

    Parameters
    ----------
    folder : Path
        Where temporary files may lie: 24 bytes a row.

    Raises
    ------
    InputError
        For whatever is wrong with a file, and if no row is left.
    """
    timeless: List[np.ndarray] = [np.empty(0, np.int64)]
    start, n_rows = np.inf, 0
    with DuplicateFinder(folder) as finder:
        for path in paths:
            only = ["user_id", "video_id", log.time]
            for _, part in chunks(path, log.columns, log.what, bar, only):
                row = np.arange(n_rows, n_rows + len(part))
                n_rows += len(part)
                time = part[log.time].to_numpy(np.float64, na_value=np.nan)
                known = ~np.isnan(time)
                timeless.append(row[~known])
                user, item = (part[field].to_numpy(np.int64)[known] for field in only[:2])
                finder.add(row[known], user, item, time[known])
                start = min(start, time[known].min(initial=np.inf))
        if not np.isfinite(start):
            raise InputError(f"{paths[0]}: there is no row with a time in the logs")
        return Dropped(finder.repeating(), np.concatenate(timeless), start)


def kept_rows(
    paths: List[Path],
    log: LogFormat,
    dropped: np.ndarray,
    summary: Optional[Summary] = None,
    bar: Any = None,
) -> Iterator[pd.DataFrame]:
    """Yield the rows of the logs less those that are `dropped`, with the derived columns."""
    n_rows = 0
    for path in paths:
        for _, part in chunks(path, log.columns, log.what, bar):
            begin, end = np.searchsorted(dropped, [n_rows, n_rows + len(part)])
            kept = np.ones(len(part), dtype=bool)
            kept[dropped[begin:end] - n_rows] = False
            n_rows += len(part)
            rows = log.derive(part[kept], path)
            if summary is not None:
                summary.add(rows)
            yield rows


def ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Return part / whole to six decimals; missing where `whole` is not above 0 or unknown."""
    part, whole = (column.astype(np.float64) for column in (part, whole))
    return (part / whole.where(whole > 0)).round(6)
