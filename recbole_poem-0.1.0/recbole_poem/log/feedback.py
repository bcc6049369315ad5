"""Which rows of the log count as positive feedback, in the words of RecBole's ``val_interval``.

A condition is a mapping from float columns of the ``.inter`` file to intervals, all of which must
hold: ``{rating: "[4,inf)"}``, ``{play_ratio: "[0.5,inf)", is_hate: "[0,0]"}``. No condition means
that every row is positive. Values are compared as they stand in the file, before any
normalisation.

Beside the columns a condition may name what is formed from watch time, such as
``{watch_gain: "[0.5,inf)"}``; see `recbole_poem.log.watch_time`. A column of the file that has
such a name comes first.
"""

from typing import Any, List

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.intervals import parse_intervals, within
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.watch_time import ESTIMATORS, FORMULAS, watch_label


def positive_rows(log: RequestLog, condition: Any, key: str) -> np.ndarray:
    """Mark the rows that meet `condition`.

    Parameters
    ----------
    log : RequestLog
        R rows; labels that are estimated are estimated from its training part.
    condition : dict or None
        Column or label -> intervals joined by ``;`` (any of which may hold).
    key : str
        The configuration key that the condition stands under, for the error.

    Returns
    -------
    (R,) bool

    Raises
    ------
    InputError
        For a column that was not loaded or is not a float, and for an unreadable interval.
    """
    positive = np.ones(len(log), dtype=bool)
    if condition is None:
        return positive
    if not isinstance(condition, dict):
        raise InputError(
            f"{key}: expected a mapping from a column to an interval, such as "
            f"{{rating: '[4,inf)'}}, not {condition!r}"
        )
    for name, intervals in condition.items():
        column = feedback_column(log, name, key)
        positive &= within(column, parse_intervals(intervals, f"{key}.{name}"))
    return positive


def feedback_column(log: RequestLog, name: str, key: str) -> np.ndarray:
    """Return a float column of the log, or a label formed from its watch times.

    Parameters
    ----------
    log : RequestLog
    name : str
        Of the column, or of the label.
    key : str
        The configuration key that names it, for the error.

    Returns
    -------
    (R,) float64
        NaN where the file says nothing.

    Raises
    ------
    InputError
        If there is no such column and no such label, or nothing to form it from.
    """
    check_column(log, name, key)
    if name in log.values or log.watch_time is None:
        return log.values[name]
    return watch_label(name, log.values, log.training, log.watch_time)


def check_column(log: RequestLog, name: str, key: str) -> None:
    """Refuse what `feedback_column` cannot return; see there."""
    if name in log.values:
        return
    if name not in FORMULAS and name not in ESTIMATORS:
        raise InputError(
            f"{key}: the .inter file has no float column '{name}' among those loaded "
            f"({', '.join(sorted(log.values)) or 'none'}); name it in load_col, or mend the key"
        )
    if log.watch_time is None:
        raise InputError(
            f"{key}: '{name}' is formed from watch time; say which columns tell it, such as "
            "watch_time: {play: play_time_ms, duration: duration_ms, unit: ms}"
        )


def estimated_labels(log: RequestLog, condition: Any) -> List[str]:
    """List what a condition names that has to be estimated from training rows."""
    named = condition if isinstance(condition, dict) else {}
    return [name for name in named if name in ESTIMATORS and name not in log.values]
