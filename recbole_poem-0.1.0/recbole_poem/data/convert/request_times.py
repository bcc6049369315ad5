"""Times of requests, of which a user has one at a time.

All rows of ``.cand`` with one user and time are one ranking (`recbole_poem.cache.sources.logged`).
So two requests of a user need two times.
"""

import numpy as np


def apart(user: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Move requests of one user that have one time apart, by 1 each, and none that need not move.

    Parameters
    ----------
    user : (Q,) int64
    time : (Q,) int64
        In milliseconds. Sorted by user, then by time, then in the order of the requests.

    Returns
    -------
    (Q,) int64
        Strictly ascending for each user, never before `time`.
    """
    moved = time.copy()
    look = np.flatnonzero(user[1:] == user[:-1]) + 1
    while len(look):
        late = look[moved[look] <= moved[look - 1]]
        moved[late] = moved[late - 1] + 1
        after = late[late + 1 < len(time)] + 1
        look = after[user[after] == user[after - 1]]
    return moved
