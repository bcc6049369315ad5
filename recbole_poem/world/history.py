"""What each user watched for long: the history that a retrieval gets."""

import numpy as np

from recbole_poem.world.retrieval import NONE

LENGTH = 50  # of the history that is handed over; what is older is forgotten


class History:
    """The latest H videos that each of some users watched for long.

    Parameters
    ----------
    n_users : int
    """

    def __init__(self, n_users: int) -> None:
        self._item = np.full((n_users, LENGTH), NONE)
        self._time = np.zeros((n_users, LENGTH))

    def copy(self) -> "History":
        """Return one that goes on apart from this one."""
        twin = History(0)
        twin._item, twin._time = self._item.copy(), self._time.copy()
        return twin

    def of(self, places: np.ndarray) -> "tuple[np.ndarray, np.ndarray]":
        """Return items and times (B, H) of the users at some places, oldest first.

        `NONE` stands in front of the first.
        """
        return self._item[places], self._time[places]

    def add(
        self, places: np.ndarray, items: np.ndarray, time: np.ndarray, watched: np.ndarray
    ) -> None:
        """Append what the users at some places watched for long.

        Parameters
        ----------
        places : (B,) int
            Each once.
        items, time : (B, L)
            In the order of the list.
        watched : (B, L) bool
        """
        there = np.concatenate([self._item[places] != NONE, watched], axis=1)
        # a stable sort moves what is there to the end, in its order
        order = np.argsort(there, axis=1, kind="stable")[:, -LENGTH:]
        item = np.concatenate([self._item[places], items], axis=1)
        item = np.where(there, item, NONE)
        self._item[places] = np.take_along_axis(item, order, axis=1)
        both = np.concatenate([self._time[places], time], axis=1)
        self._time[places] = np.take_along_axis(np.where(there, both, 0.0), order, axis=1)
