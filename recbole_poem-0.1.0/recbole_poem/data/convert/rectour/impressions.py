"""The column ``impressions`` of RecTour 2021: a list of records of eleven fields.

What separates them is not confirmed: ``rank,prop_id,...|rank,prop_id,...`` unless said otherwise.
"""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError

FIELDS = (
    "rank", "prop_id", "is_travel_ad", "review_rating", "review_count", "star_rating",
    "is_free_cancellation", "is_drr", "price_bucket", "num_clicks", "is_trans",
)  # fmt: skip
NUMBERS = ("rank", "review_rating", "review_count", "star_rating", "num_clicks", "is_trans")
_NEEDED = ("rank", "num_clicks", "is_trans")


class Separators(NamedTuple):
    """What separates the records of a list, and the fields of a record: a character each."""

    record: str = "|"
    field: str = ","

    def check(self) -> None:
        """Refuse separators that separate nothing.

        Raises
        ------
        InputError
            Naming the option.
        """
        options = {"--record_separator": self.record, "--field_separator": self.field}
        for option, value in options.items():
            if len(value) != 1 or value in '\r\n"':
                raise InputError(f"{option}: expected one character, not {value!r}")
        if self.record == self.field:
            raise InputError(f"--field_separator: {self.field!r} separates the records as well")


def impressions_of(
    lists: pd.Series, lines: np.ndarray, path: Path, separators: Separators
) -> pd.DataFrame:
    """Read the lists of some searches.

    Parameters
    ----------
    lists : (S,) Series of str
        Empty ones have no impression.
    lines : (S,) int64
        Where they stand in the file, for errors.
    path : Path
    separators : Separators

    Returns
    -------
    DataFrame
        `FIELDS`, and ``search``, the place in `lists`, ascending; numbers are float64, missing ones
        NaN, all else is text.

    Raises
    ------
    InputError
        Naming the line of a record with other fields, without a property, or with no number.
    """
    texts = lists.reset_index(drop=True).str.strip()
    records = texts[texts != ""].str.split(separators.record, regex=False).explode()
    search = records.index.to_numpy(np.int64)
    n_fields = 1 + records.str.count("[" + "\\" + separators.field + "]").to_numpy(np.int64)
    wrong = np.flatnonzero(n_fields != len(FIELDS))
    if len(wrong):
        raise InputError(
            f"{path}, line {lines[search[wrong[0]]]}: an impression has {n_fields[wrong[0]]} fields"
            f" and not {len(FIELDS)}: '{records.iloc[wrong[0]][:80]}'; name what separates them "
            "with --record_separator and --field_separator"
        )
    if not len(records):
        return pd.DataFrame({name: [] for name in (*FIELDS, "search")})
    found = pd.read_csv(
        io.StringIO("\n".join(records)),
        sep=separators.field,
        names=list(FIELDS),
        dtype=str,
        keep_default_na=False,
        quoting=csv.QUOTE_NONE,
        skip_blank_lines=False,
    )
    found = found.apply(lambda column: column.str.strip())
    for name in NUMBERS:
        found[name] = _numbers(found[name], name in _NEEDED, lines[search], path)
    nameless = np.flatnonzero(found["prop_id"] == "")
    if len(nameless):
        line = lines[search[nameless[0]]]
        raise InputError(f"{path}, line {line}: an impression has no prop_id")
    return found.assign(search=search)


def _numbers(texts: pd.Series, is_needed: bool, lines: np.ndarray, path: Path) -> pd.Series:
    numbers = pd.to_numeric(texts, errors="coerce").astype(np.float64)
    is_missing = texts.isin(["", "nan", "NaN", "NA", "null"])
    wrong = np.flatnonzero(~np.isfinite(numbers) & (is_needed | ~is_missing))
    if len(wrong):
        found = f"'{texts.iloc[wrong[0]]}'" if texts.iloc[wrong[0]] else "nothing"
        raise InputError(
            f"{path}, line {lines[wrong[0]]}: expected a number as '{texts.name}' of an "
            f"impression, found {found}"
        )
    return numbers
