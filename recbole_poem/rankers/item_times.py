"""When items came: a column of the items, as times."""

from typing import Any, List

import numpy as np
import pandas as pd
from recbole.utils import FeatureType

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.times import PER_SECOND, far_off, span_in_words

_WHERE = "ranker_input.item_statistics.uploaded"


def item_times(dataset: Any, time_unit: str, utc_offset: int, column: str) -> np.ndarray:
    """Return what a column of ``.item`` tells of when each item came.

    Parameters
    ----------
    dataset : Dataset
    time_unit : str
        Of a float column: that of the log.
    utc_offset : int
        Seconds that the clocks of a column of dates are ahead of UTC.
    column : str
        A float column, or a token column of dates such as ``2022-04-10``.

    Returns
    -------
    (n_items,) float64
        Seconds since 1970; NaN = not known. RecBole has filled the gaps of a float column.

    Raises
    ------
    InputError
        If there is no such column, it is of another type, or holds what is no date; and where the
        numbers of a float column are nowhere near the times of the log, as lengths are.
    """
    there = [] if dataset.item_feat is None else [str(name) for name in dataset.item_feat.columns]
    if column not in there:
        raise InputError(
            f"{_WHERE}: no column '{column}' of the items is loaded ({', '.join(there) or 'none'})"
            f"{nearest(column, there)}; name it in load_col, or mend the key"
        )
    kind, values = dataset.field2type[column], dataset.item_feat[column].numpy()
    if kind == FeatureType.FLOAT:
        times = np.asarray(values, dtype=np.float64)
        _check(column, times[1:], dataset.log.time, time_unit)
        return times / PER_SECOND[time_unit]
    if kind != FeatureType.TOKEN:
        raise InputError(f"{_WHERE}: '{column}' is a {kind.value}; name a float, or a date a token")
    tokens = dataset.field2id_token[column]
    dates = pd.to_datetime(pd.Series(tokens[1:], dtype=object), errors="coerce", utc=True)
    if dates.isna().any():
        wrong = tokens[1:][dates.isna().to_numpy()][0]
        raise InputError(f"{_WHERE}: '{wrong}' in '{column}' is no date such as 2022-04-10")
    since = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy() - utc_offset
    found: np.ndarray = np.r_[np.nan, since][values]
    return found


def times_read(config: Any, dataset: Any) -> List[np.ndarray]:
    """Return the times that the inputs of a ranker read of items, (n_items,) float64 each.

    A column of dates is known to a ranker by what the tokens say; their numbers do not tell it.
    """
    chosen = (config.component("ranker_input") or {}).values()
    columns = [getattr(choice.settings, "uploaded", None) for choice in chosen]
    clock = config["time_unit"], config["utc_offset"]
    return [item_times(dataset, *clock, column) for column in columns if column is not None]


def _check(column: str, times: np.ndarray, log: np.ndarray, unit: str) -> None:
    """Refuse numbers of items (n,) that are no times like those of the log's rows (R,)."""
    ends = np.array([np.median(np.abs(times)), times.max()])  # some films are older than 1970
    if far_off(ends, log.min(), log.max(), unit) is not None:
        raise InputError(
            f"{_WHERE}: the numbers of '{column}', from {times.min():.10g} to {times.max():.10g}, "
            f"are no times like those of the log, which go {span_in_words(log, unit)} (time_unit: "
            f"{unit}); name a column of times in that unit, or of dates"
        )
