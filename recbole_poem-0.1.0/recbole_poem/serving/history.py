"""What one user has dealt with, and when: as a service keeps it, and as a request brings it."""

from typing import Any, NamedTuple, Optional, Sequence

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number_type, types_of

NoneType = type(None)


class History(NamedTuple):
    """Raw item tokens, oldest first, and the time of each.

    Attributes
    ----------
    items : sequence of str
    times : sequence of float
        As many, in the unit of the data set's time; NaN where it is not known.
    """

    items: Sequence[str]
    times: Sequence[float]


def checked_times(
    name: str, times: Optional[Sequence[Optional[float]]], n_items: int
) -> Sequence[float]:
    """Return the times of a history, NaN where they are not known.

    Parameters
    ----------
    name : str
        Of what brings them, for the message.
    times : sequence of float, optional
        None, as a whole or of single items, and NaN: not known.
    n_items : int
        Of the history.

    Raises
    ------
    InputError
        If there are more or fewer times than items, one is no finite number, or they descend.
    """
    if times is None:
        return [np.nan] * n_items
    found = moments(name, times)
    if len(found) != n_items:
        raise InputError(f"{name}: {len(found)} times for a history of {n_items} items")
    known = found[~np.isnan(found)]
    descends = np.flatnonzero(np.diff(known) < 0)
    if len(descends):
        late, early = known[descends[0] : descends[0] + 2].tolist()
        raise InputError(f"{name}: times have to ascend, and {early!r} comes behind {late!r}")
    return found.tolist()


def moments(name: str, times: Any) -> np.ndarray:
    """Return a list of times as (n,) float64, NaN where they are not known.

    Parameters
    ----------
    name : str
        Of what brings them, for the message.
    times : sequence of float
        In the unit of the data set's time; None and NaN: not known.

    Raises
    ------
    InputError
        If one is no number, such as a text, a date or a truth value, or infinite.
    """
    if isinstance(times, (str, bytes)) or not hasattr(times, "__len__"):
        raise InputError(f"{name}: {times!r} is not a sequence of times")
    words = f"{name}: expected numbers, in the unit of the data set's time"
    if getattr(times, "ndim", 1) != 1:
        raise InputError(words)
    if not all(kind is NoneType or is_number_type(kind) for kind in types_of(times)):
        raise InputError(words)
    try:
        found = np.asarray(times, dtype=np.float64)  # of None it makes NaN
    except OverflowError as error:
        raise InputError(words) from error
    if np.isinf(found).any():
        raise InputError(f"{name}: a time is infinite")
    return found
