"""What each user was shown, got to see and did: the history that a retrieval and a ranker get."""

from typing import NamedTuple

import numpy as np

LENGTH = 200  # of the history that is handed over; what is older is forgotten
NONE = -1  # in place of a video: there is none
#: the reactions that every world has, before all others
LABELS = ("click", "long_view")


class History(NamedTuple):
    """The latest H videos that each of B users saw, oldest first; `NONE` in front of the first.

    Attributes
    ----------
    item : (B, H) int
    time : (B, H) float
        When each began, in seconds since the world began.
    seconds : (B, H) float
        Watched.
    reactions : (B, H, K) bool
        In the order of `recbole_poem.world.world.World.reactions`: `LABELS` first.
    """

    item: np.ndarray
    time: np.ndarray
    seconds: np.ndarray
    reactions: np.ndarray

    @classmethod
    def empty(cls, n_users: int, n_reactions: int) -> "History":
        """Return the history of users who have seen nothing."""
        shape = n_users, LENGTH
        happened = np.zeros((*shape, n_reactions), dtype=bool)
        return cls(np.full(shape, NONE), np.zeros(shape), np.zeros(shape), happened)

    @property
    def long_view(self) -> np.ndarray:
        """(B, H) bool, whether it was watched for long."""
        watched: np.ndarray = self.reactions[..., LABELS.index("long_view")]
        return watched

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
        rows = np.arange(len(places))[:, None]
        for column, new in zip(self, more):
            column[places] = np.concatenate([column[places], new], axis=1)[rows, kept]
