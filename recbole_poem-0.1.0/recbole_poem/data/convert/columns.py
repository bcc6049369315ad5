"""What a column of a published file holds, and what it is called in the atomic files."""

from typing import Any, Dict, Iterable, List, NamedTuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError

#: Ids of users and items lie below; those of KuaiRand and KuaiRec are numbered from 0.
LARGEST_ID = 2**31


class Column(NamedTuple):
    """A column of a published file.

    Attributes
    ----------
    type : str
        Of the atomic file: ``token``, ``token_seq``, ``float``.
    kind : str
        ``id`` (a whole number from 0 that is never missing), ``whole`` (a whole number or
        nothing), ``number`` (a finite one or nothing), ``ratio`` (a number, infinite ones read as
        nothing) or ``text``.
    """

    type: str
    kind: str


ID = Column("token", "id")
CODE = Column("token", "whole")
COUNT = Column("float", "whole")
NUMBER = Column("float", "number")
TEXT = Column("token", "text")
LIST = Column("token_seq", "text")

#: of ``user_features``, which KuaiRand and KuaiRec have in common
USER_COLUMNS: Dict[str, Column] = {
    "user_id": ID,
    "user_active_degree": TEXT,
    "is_lowactive_period": TEXT,
    "is_live_streamer": TEXT,
    "is_video_author": TEXT,
    "follow_user_num": NUMBER,
    "follow_user_num_range": TEXT,
    "fans_user_num": NUMBER,
    "fans_user_num_range": TEXT,
    "friend_user_num": NUMBER,
    "friend_user_num_range": TEXT,
    "register_days": NUMBER,
    "register_days_range": TEXT,
    **{f"onehot_feat{number}": TEXT for number in range(18)},
}


def check_header(path: Any, header: Iterable[str], columns: Iterable[str], what: str) -> None:
    """Refuse a file whose columns are not those of `what`.

    Raises
    ------
    InputError
        Names the first column that is missing, not known or there twice.
    """
    header, columns = list(header), list(columns)
    for place, column in enumerate(header):
        if column in header[:place]:
            raise InputError(f"{path}: column '{column}' is there twice")
    for column in columns:
        if column not in header:
            raise InputError(f"{path}: there is no column '{column}', which {what} has")
    for column in header:
        if column not in columns:
            raise InputError(f"{path}: column '{column}' is none of {what}")


def as_numbers(values: pd.Series, kind: str, path: Any, first_line: int) -> pd.Series:
    """Return the numbers of a column as they are to be written, checked.

    Parameters
    ----------
    values : (R,) Series
        As pandas read them: numbers, or strings where one of them is no number.
    kind : str
        See `Column`.
    first_line : int
        Line of the file on which the first of them stands.

    Returns
    -------
    (R,) Series
        int64, or Int64 where values are missing, for whole numbers; float64 for others.

    Raises
    ------
    InputError
        Names file, line and column of the first value that is not of that kind.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    missing = values.isna()
    if kind == "ratio":
        missing |= np.isinf(numbers)
        numbers = numbers.where(~missing)
    bad = numbers.isna() & ~missing | np.isinf(numbers)
    if values.dtype == bool:  # a column of True and False alone
        bad |= True
    words = "a number"
    if kind in ("id", "whole"):
        words = "a whole number"
        bad |= ~missing & (numbers % 1 != 0)
    if kind == "id":
        words = f"a whole number from 0, below {LARGEST_ID}"
        bad |= missing | (numbers < 0) | (numbers >= LARGEST_ID)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        found = "nothing" if missing.iloc[row] else f"'{values.iloc[row]}'"
        raise InputError(
            f"{path}, line {first_line + row}: expected {words} as '{values.name}', found {found}"
        )
    if kind in ("number", "ratio"):
        return numbers.astype(np.float64)
    return numbers.astype("Int64" if missing.any() else np.int64)


def first_of_each(table: pd.DataFrame, field: str, notes: List[str], what: str) -> pd.DataFrame:
    """Return the first row of each user or video of `what`; the others are counted in `notes`."""
    first = table.drop_duplicates(field)
    if len(first) < len(table):
        number = len(table) - len(first)
        notes.append(f"dropped {number:,} rows of {what} that repeat a {field}")
    return first


def as_text(values: pd.Series) -> pd.Series:
    """Return strings without what would break an atomic file: tabs, line ends, NUL."""
    return values.fillna("").str.replace("[\t\r\n\0]+", " ", regex=True)


def as_list(values: pd.Series) -> pd.Series:
    """Turn lists in the form ``[a, b]`` or ``a,b`` into words between blanks.

    Blanks and quotes inside a word become ``_``.
    """
    words = as_text(values).str.replace("['\"]", " ", regex=True).str.strip().str.strip("[]")
    return words.map(
        lambda text: " ".join(filter(None, ("_".join(word.split()) for word in text.split(","))))
    )
