"""The request log: what a ranking source may know, as flat arrays, and what it may learn from.

A *request* is a row of the log: the moment before the user consumed that row's item. Its history
is the rows of the same user before it. Every part of the cascade addresses a request by the index
of its row, so a request id is an integer in ``[0, len(log))``.
"""

from dataclasses import dataclass, field, replace
from typing import Iterable, Iterator, Mapping, Optional, Tuple

import numpy as np

from recbole_poem.log.watch_time import WatchTime

#: rows that are looked at together where a column of the log is not to be copied whole
ROWS_AT_ONCE = 250_000


@dataclass(frozen=True)
class RequestLog:
    """A log of R interactions, sorted by user and, within a user, by time.

    Attributes
    ----------
    user, item : (R,) int64
        RecBole's internal ids, from 1; 0 is padding and never occurs.
    time : (R,) float64
        The time field as it stands in the file, in the file's unit, never normalised.
    first : (R,) int64
        Index of the first row of the row's user: request r has history ``first[r]..r-1``.
    values : mapping of (R,) float64
        Every float column of the ``.inter`` file as it stands there, by field name.
    n_users, n_items : int
        Sizes of the id spaces, padding included.
    training : (R,) bool
        Rows that similarities, graphs, normalisers and rankers may be estimated from.
    watch_time : WatchTime or None
        Which of the columns tell play time and duration, where the configuration says so.
    tokens : mapping of (R,) int64
        Every other token column of the ``.inter`` file, by field name: internal ids, 0 = none.
    """

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    first: np.ndarray
    values: Mapping[str, np.ndarray]
    n_users: int
    n_items: int
    training: np.ndarray
    watch_time: Optional[WatchTime] = None
    tokens: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item)

    @property
    def position(self) -> np.ndarray:
        """(R,) int64, the number of rows of the same user before each row."""
        return np.arange(len(self)) - self.first

    @property
    def has_history(self) -> np.ndarray:
        """(R,) bool, the rows that are not the first of their user: whose `position` is above 0."""
        found = np.zeros(len(self), dtype=bool)
        np.equal(self.user[1:], self.user[:-1], out=found[1:])
        return found

    def blocks(self) -> Iterator[slice]:
        """Yield the rows in turn, some at once, wherever users begin."""
        for begin in range(0, len(self), ROWS_AT_ONCE):
            yield slice(begin, min(begin + ROWS_AT_ONCE, len(self)))

    def rows_before(self, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """List all rows before each of `requests` (B,).

        Returns
        -------
        (index, row), both (E,) int64
            ``row[e]`` lies before request ``requests[index[e]]``; E is the sum of the lengths of
            the histories.
        """
        length = requests - self.first[requests]
        index = np.repeat(np.arange(len(requests)), length)
        offset = np.arange(len(index)) - np.repeat(np.cumsum(length) - length, length)
        return index, self.first[requests][index] + offset

    def with_training_targets(self, targets: np.ndarray) -> "RequestLog":
        """Return this log with the training part that the training split implies.

        Each user's training rows are those up to the last training target. A row between two
        training targets that is no target itself is context known by then; a user without a
        training target contributes nothing.

        Parameters
        ----------
        targets : (T,) int64
            Request ids of the training split.
        """
        return self.with_training_targets_in_parts([targets])

    def with_training_targets_in_parts(self, parts: Iterable[np.ndarray]) -> "RequestLog":
        """Do as `with_training_targets`, of targets that come in parts, each (T,) int64."""
        last = np.full(self.n_users, -1, dtype=np.int64)
        for targets in parts:
            np.maximum.at(last, self.user[targets], targets)
        training = np.empty(len(self), dtype=bool)
        for rows in self.blocks():
            training[rows] = np.arange(rows.start, rows.stop) <= last[self.user[rows]]
        return self.with_training(training)

    def with_training(self, training: np.ndarray) -> "RequestLog":
        """Return this log with another training part, (R,) bool."""
        return replace(self, training=training)

    def with_training_before(self, time: float) -> "RequestLog":
        """Return this log with all rows before a time, in its unit, as the training part."""
        return self.with_training(self.time < time)


def first_rows(user: np.ndarray) -> np.ndarray:
    """For users in blocks, (R,) -> (R,): the index of the first row of each row's block."""
    starts = np.r_[True, user[1:] != user[:-1]]
    return np.flatnonzero(starts)[np.cumsum(starts) - 1] if len(user) else np.zeros(0, np.int64)
