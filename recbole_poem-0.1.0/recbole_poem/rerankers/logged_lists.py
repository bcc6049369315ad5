"""Lists of a log, and what users took at each place of them: the lessons of a list's model.

Up to m training rows of a session, one after the other, are a list, and the items of the rows
before a row stand above it. The candidates of a row are what was taken there, and items that were
taken elsewhere, drawn as often as they are taken. A log of what users took alone has no lists that
were shown, and this is as near as it comes.

An item that the user had before is no candidate, nor is one that nobody took before the row. What a
user likes anyhow shows in the rows before the list, so a user's first list teaches nothing.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from recbole_poem.log.requests import RequestLog, first_rows

_EARLIER = 100  # rows before a list that tell what a user likes


class Lessons(NamedTuple):
    """What was taken at T places of lists, and N other candidates of each.

    Attributes
    ----------
    item : (T, 1 + N) int64
        The item that was taken comes first.
    candidate : (T, 1 + N) bool
        Which of them the user might have taken; the first always.
    above : (T, m - 1) int64
        Items above the place, the first of the list first; 0 behind the last.
    slot : (T,) int64
        Number of items above, from 0.
    earlier : (T, n_items) sparse matrix
        How often the user had each item in the rows just before the list.
    """

    item: np.ndarray
    candidate: np.ndarray
    above: np.ndarray
    slot: np.ndarray
    earlier: sparse.csr_matrix


class _Rows(NamedTuple):
    """The training rows of a log, R of them; users in blocks, each in the order of time.

    Attributes
    ----------
    user, item, time : (R,)
    first : (R,) int64
        The first row of each row's user.
    slot : (R,) int64
        Place of each row on its list, from 0.
    taken : (R,) bool
    """

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    first: np.ndarray
    slot: np.ndarray
    taken: np.ndarray


def births(log: RequestLog) -> np.ndarray:
    """Return when each item was taken first by the training rows, inf = never, (n_items,)."""
    born = np.full(log.n_items, np.inf)
    np.minimum.at(born, log.item[log.training], log.time[log.training])
    return born


def freshness(log: RequestLog) -> np.ndarray:
    """Return when items came, (n_items,): 0 with the first training row, 1 with the last or never.

    How old they are at a request is this but for a constant and a factor of all items.
    """
    born = births(log)
    known = np.isfinite(born)
    result = np.ones(log.n_items)
    if known.any():
        begin, end = born[known].min(), log.time[log.training].max()
        result[known] = (born[known] - begin) / max(end - begin, 1e-9)
    return result


def lessons_of(
    log: RequestLog,
    taken: np.ndarray,
    length: int,
    session: float,
    n_lessons: int,
    n_others: int,
    seed: int,
) -> Lessons:
    """Cut the training rows of a log into lists, and draw places of them.

    Parameters
    ----------
    log : RequestLog
    taken : (R,) bool
        Rows whose items were taken; the others were shown, and stand above as well.
    length : int
        m, places of a list.
    session : float
        The longest time between two rows of a session, in the unit of the log's times.
    n_lessons : int
        Places at most.
    n_others : int
        N, candidates that were not taken.
    seed : int
    """
    rows = _rows_of(log, taken, length, session)
    begin = np.arange(len(rows.slot)) - rows.slot
    pair = rows.user * log.n_items + rows.item
    known, first_taken = np.unique(pair, return_index=True)  # the first of each in time
    born = births(log)
    is_new = first_taken[np.searchsorted(known, pair)] == np.arange(len(pair))
    known_by_then = born[rows.item] < rows.time
    teaches = np.flatnonzero(rows.taken & is_new & (begin > rows.first) & known_by_then)
    chance = np.random.default_rng(seed)
    if len(teaches) > n_lessons:
        teaches = np.sort(chance.choice(teaches, n_lessons, replace=False))
    popular = rows.item[rows.taken]
    others = popular[chance.integers(0, max(1, len(popular)), (len(teaches), n_others))]
    asked = rows.user[teaches, None] * log.n_items + others
    at = np.searchsorted(known, asked).clip(max=max(0, len(known) - 1))
    had = (known[at] == asked) & (first_taken[at] <= teaches[:, None])
    possible = ~had & (born[others] < rows.time[teaches, None])
    place = np.arange(length - 1)
    above = np.where(
        place < rows.slot[teaches, None],
        rows.item[np.minimum(begin[teaches, None] + place, len(rows.item) - 1)],
        0,
    )
    return Lessons(
        np.concatenate([rows.item[teaches, None], others], axis=1),
        np.concatenate([np.ones((len(teaches), 1), bool), possible], axis=1),
        above,
        rows.slot[teaches],
        _earlier(rows, begin[teaches], log.n_items),
    )


def _rows_of(log: RequestLog, taken: np.ndarray, length: int, session: float) -> _Rows:
    kept = np.flatnonzero(log.training)
    user, time = log.user[kept], log.time[kept]
    row, first = np.arange(len(kept)), first_rows(user)
    begins = (row == first) | (np.diff(time, prepend=-np.inf) > session)
    of_session = np.maximum.accumulate(np.where(begins, row, 0)) if len(row) else row
    slot = (row - of_session) % length
    return _Rows(user, log.item[kept], time, first, slot, taken[kept])


def _earlier(rows: _Rows, begin: np.ndarray, n_items: int) -> sparse.csr_matrix:
    """Count the items of the rows before each of some rows, (T, n_items)."""
    number = np.minimum(begin - rows.first[begin], _EARLIER)
    index = np.repeat(np.arange(len(begin)), number)
    back = np.arange(len(index)) - np.repeat(np.cumsum(number) - number, number)
    item = rows.item[begin[index] - 1 - back]
    shape = (len(begin), n_items)
    return sparse.csr_matrix((np.ones(len(index)), (index, item)), shape=shape)
