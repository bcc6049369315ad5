"""What each user was shown and got to see: the history that a retrieval gets."""

from typing import NamedTuple

import numpy as np

LENGTH = 200  # of the history that is handed over; what is older is forgotten
NONE = -1  # in place of a video: there is none


class History(NamedTuple):
    """The latest H videos that each of B users saw, oldest first; `NONE` in front of the first.

    Attributes
    ----------
    item : (B, H) int
    time : (B, H) float
        When each began, in seconds since the world began.
    long_view : (B, H) bool
        Whether it was watched for long.
    """

    item: np.ndarray
    time: np.ndarray
    long_view: np.ndarray

    @classmethod
    def empty(cls, n_users: int) -> "History":
        """Return the history of users who have seen nothing."""
        shape = n_users, LENGTH
        return cls(np.full(shape, NONE), np.zeros(shape), np.zeros(shape, dtype=bool))

    def copy(self) -> "History":
        """Return one that goes on apart from this one."""
        return History(*(column.copy() for column in self))

    def of(self, places: np.ndarray) -> "History":
        """Return the histories of the users at some places, as a copy."""
        return History(*(column[places] for column in self))

    def add(self, places: np.ndarray, more: "History", n_seen: np.ndarray) -> None:
        """Append the first videos of lists to the histories of the users at some places.

        Parameters
        ----------
        places : (B,) int
            Each once.
        more : History
            Of lists: (B, L) each.
        n_seen : (B,) int
            So many of each list, from its beginning.
        """
        kept = np.arange(LENGTH)[None, :] + n_seen[:, None]
        for column, new in zip(self, more):
            both = np.concatenate([column[places], new], axis=1)
            column[places] = np.take_along_axis(both, kept, axis=1)
