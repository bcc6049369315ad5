"""The histories of requests, as users of the library have them, as flat arrays of ids."""

from typing import Any, Collection, NamedTuple, Sequence, Tuple, Union

import numpy as np
import pandas as pd

from recbole_poem.errors import InputError
from recbole_poem.serving.vocabulary import Vocabulary

#: raw item tokens per request, oldest first; or a frame with columns request, item and maybe time
Histories = Union[Sequence[Sequence[Any]], pd.DataFrame]


class FlatHistories(NamedTuple):
    """The histories of B requests, one behind the other.

    Attributes
    ----------
    request : (B,) object
        What the user of the library calls each request.
    item : (E,) int64
        Item ids, oldest first.
    begin : (B + 1,) int64
        Where each history begins; the last number is E.
    n_unknown : (B,) int64
        Tokens that were left out because the model has not seen them.
    """

    request: np.ndarray
    item: np.ndarray
    begin: np.ndarray
    n_unknown: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """(B,) int64, known items of each history."""
        return np.diff(self.begin)

    def of(self, rows: np.ndarray) -> "FlatHistories":
        """Return the histories of some of the requests, by their places."""
        length = self.length[rows]
        begin = np.r_[0, np.cumsum(length)]
        place = np.arange(begin[-1]) + np.repeat(self.begin[rows] - begin[:-1], length)
        return FlatHistories(self.request[rows], self.item[place], begin, self.n_unknown[rows])


def flatten(histories: Histories, vocabulary: Vocabulary) -> FlatHistories:
    """Look up the tokens of histories.

    Parameters
    ----------
    histories : sequence of sequences, or DataFrame
        Of a frame: the column ``item``, the column ``request`` that tells the requests apart, in
        the order in which they first occur, and maybe ``time``, by which a history is sorted, ties
        in the order of the rows.
    vocabulary : Vocabulary

    Raises
    ------
    InputError
        For a frame without the columns, a time that is no number, and a history that is one string.
    """
    request, place, token = (
        _of_frame(histories) if isinstance(histories, pd.DataFrame) else _of_lists(histories)
    )
    item = vocabulary.ids(token)
    known = item > 0
    n_known = np.bincount(place[known], minlength=len(request))
    n_unknown = np.bincount(place[~known], minlength=len(request))
    return FlatHistories(request, item[known], np.r_[0, np.cumsum(n_known)], n_unknown)


def _of_lists(histories: Any) -> Tuple[np.ndarray, np.ndarray, Collection[Any]]:
    lengths = []
    for number, history in enumerate(histories):
        if isinstance(history, (str, bytes)) or not hasattr(history, "__len__"):
            raise InputError(
                f"histories: request {number} is {history!r}, not a sequence of item tokens"
            )
        lengths.append(len(history))
    place = np.repeat(np.arange(len(lengths)), lengths)
    token = [item for history in histories for item in history]
    return np.arange(len(lengths)).astype(object), place, token


def _of_frame(frame: pd.DataFrame) -> Tuple[np.ndarray, np.ndarray, Collection[Any]]:
    for column in ("request", "item"):
        if column not in frame:
            raise InputError(
                f"histories: the frame has no column '{column}' (it has "
                f"{', '.join(map(str, frame.columns))})"
            )
    if frame["request"].isna().any():
        row = int(np.flatnonzero(frame["request"].isna())[0])
        raise InputError(f"histories: column 'request' is empty in row {row}")
    place, request = pd.factorize(frame["request"])
    order = np.argsort(place, kind="stable")
    if "time" in frame:
        time = pd.to_numeric(frame["time"], errors="coerce").to_numpy(dtype=float)
        if not np.isfinite(time).all():
            row = int(np.flatnonzero(~np.isfinite(time))[0])
            raise InputError(f"histories: column 'time' has no number in row {row}")
        order = np.lexsort((time, place))
    return (
        np.array(request, dtype=object),
        place[order],
        frame["item"].to_numpy(object)[order],
    )
