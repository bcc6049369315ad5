"""The searches of RecTour 2021, a row each: who, when, and in which order of all of them."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import COUNT, TEXT, Column
from recbole_poem.data.convert.reading import chunks, header_of, some_names
from recbole_poem.data.convert.request_times import apart

COLUMNS: Dict[str, Column] = {
    "user_id": TEXT,
    "search_id": TEXT,
    "search_timestamp": TEXT,
    "point_of_sale": TEXT,
    "geo_location_country": TEXT,
    "is_mobile": TEXT,
    "destination_id": TEXT,
    "checkin_date": TEXT,
    "checkout_date": TEXT,
    "adult_count": COUNT,
    "child_count": COUNT,
    "infant_count": COUNT,
    "room_count": COUNT,
    "sort_type": TEXT,
    "applied_filters": TEXT,
    "impressions": TEXT,
}
_WHAT = "the searches of RecTour 2021"


class Times(NamedTuple):
    """The times of all searches, in the order of the files.

    Attributes
    ----------
    time : (S,) int64
        Milliseconds since 1970; no two searches of a user have one time.
    has_user : (S,) bool
        A search of nobody is left out.
    moved : int
        Searches whose time was moved.
    again : int
        Searches whose id an earlier one has.
    """

    time: np.ndarray
    has_user: np.ndarray
    moved: int
    again: int


def find_files(source: Path) -> List[Path]:
    """Return `source`, or the files of searches in it, by name.

    Raises
    ------
    InputError
        If there is none.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"--source: there is no file or folder {source}")
    ends = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
    paths = sorted(path for path in source.iterdir() if path.name.endswith(ends))
    found = [path for path in paths if "impressions" in header_of(path, separator_of(path))]
    if not found:
        raise InputError(
            f"{source}: there is no .csv or .tsv (or .gz) with a column 'impressions' in it; it "
            f"holds {some_names(source)}"
        )
    return found


def separator_of(path: Path) -> str:
    """Return what separates the names of the columns: a tab where there is one, else a comma."""
    return "\t" if len(header_of(path, "\t")) > 1 else ","


def searches(path: Path, bar: Any = None, only: Any = None) -> Iterator[pd.DataFrame]:
    """Yield searches in parts; the index is the number of the line."""
    for line, part in chunks(path, COLUMNS, _WHAT, bar, only, separator_of(path)):
        yield part.set_index(pd.RangeIndex(line, line + len(part)))


def times(paths: List[Path], bar: Any = None) -> Times:
    """Read the times of all searches, and move those of one user that are the same apart.

    Raises
    ------
    InputError
        Naming the line of a time that is none.
    """
    user: List[np.ndarray] = []
    time: List[np.ndarray] = []
    codes: Dict[str, int] = {"": -1}
    ids: List[pd.Series] = []
    for path in paths:
        for part in searches(path, bar, ["user_id", "search_id", "search_timestamp"]):
            names, found = part["user_id"].factorize()
            numbers = [codes.setdefault(name, len(codes)) for name in found]
            user.append(np.array(numbers, dtype=np.int64)[names])
            time.append(_milliseconds(part["search_timestamp"], path))
            ids.append(part["search_id"])
    if not time or not sum(map(len, time)):
        raise InputError(f"{paths[0]}: there is no search in it")
    users, written = np.concatenate(user), np.concatenate(time)
    order = np.lexsort((written, users))
    moved = np.empty_like(written)
    moved[order] = apart(users[order], written[order])
    moved = np.where(users >= 0, moved, written)
    again = int(pd.concat(ids).duplicated().sum())
    return Times(moved, users >= 0, int((moved != written).sum()), again)


def _milliseconds(texts: pd.Series, path: Path) -> np.ndarray:
    found = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    wrong = np.flatnonzero(found.isna())
    if len(wrong):
        raise InputError(
            f"{path}, line {texts.index[wrong[0]]}: expected a time such as 2021-06-15T19:12:00Z "
            f"as 'search_timestamp', found '{texts.iloc[wrong[0]]}'"
        )
    moments: np.ndarray = found.dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
    return moments
