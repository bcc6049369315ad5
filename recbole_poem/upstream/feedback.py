"""Which rows of the log count as positive feedback, in the words of RecBole's ``val_interval``.

A condition is a mapping from float columns of the ``.inter`` file to intervals, all of which must
hold: ``{rating: "[4,inf)"}``, ``{play_ratio: "[0.5,inf)", is_hate: "[0,0]"}``. No condition means
that every row is positive. Values are compared as they stand in the file, before any
normalisation.
"""

import re
from typing import Any, Dict, Mapping, Optional

import numpy as np

from recbole_poem.errors import InputError

_INTERVAL = re.compile(r"^\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])\s*$")


def positive_rows(
    values: Mapping[str, np.ndarray], condition: Optional[Dict[str, Any]], key: str, n_rows: int
) -> np.ndarray:
    """Mark the rows that meet `condition`.

    Parameters
    ----------
    values : mapping of (R,) float64
        The float columns of the log, by name.
    condition : dict or None
        Column -> intervals joined by ``;`` (any of which may hold).
    key : str
        The configuration key that the condition stands under, for the error.
    n_rows : int
        R, the number of rows.

    Returns
    -------
    (R,) bool

    Raises
    ------
    InputError
        For a column that was not loaded or is not a float, and for an unreadable interval.
    """
    positive = np.ones(n_rows, dtype=bool)
    if condition is None:
        return positive
    if not isinstance(condition, dict):
        raise InputError(
            f"{key}: expected a mapping from a column to an interval, such as "
            f"{{rating: '[4,inf)'}}, not {condition!r}"
        )
    for column, intervals in condition.items():
        if column not in values:
            raise InputError(
                f"{key}: the .inter file has no float column '{column}' among those loaded "
                f"({', '.join(sorted(values)) or 'none'}); name it in load_col, or mend the key"
            )
        holds = [_within(values[column], part, key) for part in str(intervals).split(";")]
        positive &= np.logical_or.reduce(holds)
    return positive


def _within(column: np.ndarray, interval: str, key: str) -> np.ndarray:
    match = _INTERVAL.match(interval)
    try:
        low, high = (float(match[2]), float(match[3])) if match else (np.nan, np.nan)
    except ValueError:
        low = high = np.nan
    if match is None or not low <= high:
        raise InputError(f"{key}: '{interval}' is no interval such as '[4,inf)' or '(0,1]'")
    above = column >= low if match[1] == "[" else column > low
    below = column <= high if match[4] == "]" else column < high
    return above & below
