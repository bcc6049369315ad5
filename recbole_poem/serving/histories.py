"""The histories of requests, as users of the library have them, as flat arrays of ids."""

from collections.abc import Mapping, Set
from reprlib import repr as short
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import types_of
from recbole_poem.serving.history import checked_times
from recbole_poem.serving.tokens import first_wrong, no_token, ordered
from recbole_poem.serving.vocabulary import Vocabulary

#: raw item tokens per request, oldest first; or a frame with columns request, item and maybe time
Histories = Union[Sequence[Sequence[Any]], pd.DataFrame]
#: when the items of each history were dealt with; None, of a history or of an item: not known
ItemTimes = Sequence[Optional[Sequence[Optional[float]]]]

_COLUMNS = ("request", "item", "time")  # of a frame


class FlatHistories(NamedTuple):
    """The histories of B requests, one behind the other.

    Attributes
    ----------
    request : (B,) object
        What the user of the library calls each request.
    item : (E,) int64
        Item ids, oldest first.
    time : (E,) float64
        When each item was dealt with, in the unit of the data set's time; NaN = not known.
    begin : (B + 1,) int64
        Where each history begins; the last number is E.
    n_unknown : (B,) int64
        Tokens that were left out because the model has not seen them.
    """

    request: np.ndarray
    item: np.ndarray
    time: np.ndarray
    begin: np.ndarray
    n_unknown: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """(E,) bool, whether an item is the first of its history."""
        first = np.zeros(len(self.item), dtype=bool)
        first[self.begin[:-1][self.length > 0]] = True
        return first

    @property
    def length(self) -> np.ndarray:
        """(B,) int64, known items of each history."""
        return np.diff(self.begin)

    def of(self, rows: np.ndarray) -> "FlatHistories":
        """Return the histories of some of the requests, by their places."""
        length = self.length[rows]
        begin = np.r_[0, np.cumsum(length)]
        place = np.arange(begin[-1]) + np.repeat(self.begin[rows] - begin[:-1], length)
        item, time = self.item[place], self.time[place]
        return FlatHistories(self.request[rows], item, time, begin, self.n_unknown[rows])


def flatten(
    histories: Histories,
    vocabulary: Vocabulary,
    times: Optional[ItemTimes] = None,
    called: str = "histories: request",
) -> FlatHistories:
    """Look up the tokens of histories, and keep the times of those that are known.

    Parameters
    ----------
    histories : sequence of sequences, or DataFrame
        Of a frame: the column ``item``, the column ``request`` that tells the requests apart, in
        the order in which they first occur, and maybe ``time``, by which a history is sorted, ties
        in the order of the rows: numbers in the unit of the data set's time, none of them missing.
    vocabulary : Vocabulary
    times : sequence of sequences of float, optional
        Of the items, as many; None, of a whole history, and NaN: not known. A frame brings its own.
    called : str
        What a history is, for messages, before its number.

    Raises
    ------
    InputError
        For a frame without the columns or with others, a time that is no number, a history that is
        one string, and what is no token: a missing value, a fraction, a truth value.
    """
    if isinstance(histories, pd.DataFrame):
        request, place, time, token = _of_frame(histories)
    else:
        request, place, token = _of_lists(histories, called)
        time = np.full(len(token), np.nan)
        begin = np.searchsorted(place, np.arange(len(request)))
        for first, of_one in zip(begin, () if times is None else times):
            if of_one is not None:
                time[first : first + len(of_one)] = of_one
    item = vocabulary.ids(token)
    known = item > 0
    of_known = place[known]
    n_known = np.bincount(of_known, minlength=len(request))
    n_unknown = np.bincount(place[~known], minlength=len(request))
    begin = np.r_[0, np.cumsum(n_known)]
    return FlatHistories(request, item[known], time[known], begin, n_unknown)


def checked_item_times(
    histories: Histories, times: Optional[ItemTimes]
) -> Optional[Sequence[Sequence[float]]]:
    """Return the times of histories as `flatten` takes them.

    Raises
    ------
    InputError
        Naming the request whose times are wrong, see `checked_times`, or NaN, which a missing
        number may be by mistake; for a frame, which has a column for them.
    """
    if times is None:
        return None
    if isinstance(histories, pd.DataFrame):
        raise InputError("item_times: a frame brings its times in its column 'time'")
    if not hasattr(times, "__len__"):
        raise InputError(f"item_times: {times!r} is not a sequence of times of each request")
    if len(times) != len(histories):
        raise InputError(f"item_times: {len(times)} for {len(histories)} requests")
    lengths = _lengths(histories, "histories: request")
    found = [
        checked_times(f"item_times: request {number}", of_one, lengths[number])
        for number, of_one in enumerate(times)
    ]
    for number, (given, of_one) in enumerate(zip(times, found)):
        if given is not None and np.isnan(of_one).sum() > sum(time is None for time in given):
            raise InputError(
                f"item_times: request {number}: a time is NaN; write None where one is not known"
            )
    return found


def _of_lists(histories: Any, called: str) -> Tuple[np.ndarray, np.ndarray, List[Any]]:
    lengths = _lengths(histories, called)
    number = np.arange(len(lengths))
    tokens = [item for history in histories for item in history]
    place = np.repeat(number, lengths)
    wrong = first_wrong(tokens)
    if wrong is not None:
        before = wrong - int(np.searchsorted(place, place[wrong]))
        raise no_token(f"{called} {place[wrong]}", tokens[wrong], before)
    return number.astype(object), place, tokens


def _lengths(histories: Any, called: str) -> List[int]:
    """Return how many items each history has."""
    if isinstance(histories, (str, bytes, Mapping, Set)) or not hasattr(histories, "__len__"):
        raise InputError(
            "histories: expected a list of histories, each a list of item tokens, not "
            f"{short(histories)}"
        )
    return [ordered(f"{called} {number}", history) for number, history in enumerate(histories)]


def _of_frame(frame: pd.DataFrame) -> Tuple[np.ndarray, np.ndarray, np.ndarray, List[Any]]:
    _check_columns([str(column) for column in frame.columns])
    for column in ("request", "item"):
        empty = np.flatnonzero(frame[column].isna())
        if len(empty):
            raise InputError(f"histories: column '{column}' is empty in row {empty[0]}")
    token = frame["item"].tolist()
    wrong = first_wrong(token)
    if wrong is not None:
        raise no_token("histories: column 'item'", token[wrong], wrong)
    place, request = pd.factorize(frame["request"])
    order, time = np.argsort(place, kind="stable"), np.full(len(frame), np.nan)
    if "time" in frame:
        time = _times_of_frame(frame["time"])
        order = np.lexsort((time, place))
    return (
        np.array(request, dtype=object),
        place[order],
        time[order],
        [token[row] for row in order.tolist()],
    )


def _check_columns(columns: List[str]) -> None:
    """Check that a frame has what is read, once, and nothing else."""
    there = f"(it has {', '.join(columns)})"
    for column in ("request", "item"):
        if column not in columns:
            raise InputError(f"histories: the frame has no column '{column}' {there}")
    for column in columns:
        if column not in _COLUMNS:
            raise InputError(
                f"histories: the frame has a column '{column}', of which nothing is read; drop "
                f"it, or name it one of {', '.join(_COLUMNS)}"
            )
        if columns.count(column) > 1:
            raise InputError(f"histories: the frame has two columns '{column}'")


def _times_of_frame(column: pd.Series) -> np.ndarray:
    if column.dtype.kind in "mM":
        raise InputError(
            "histories: column 'time' holds dates; expected numbers, in the "
            "unit of the data set's time"
        )
    if not types_of(column).isdisjoint((bool, np.bool_)):
        raise InputError("histories: column 'time' holds truth values; expected numbers")
    time: np.ndarray = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(time).all():
        row = int(np.flatnonzero(~np.isfinite(time))[0])
        raise InputError(f"histories: column 'time' has no number in row {row}")
    return time
