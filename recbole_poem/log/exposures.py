"""What a multi-task ranker learns from: the rows of the log with the labels of its targets.

Everything about a row that a ranker may read lies before it: the user's latest items, the moment,
and how long ago the user was there last.
"""

from dataclasses import dataclass
from typing import Optional, Protocol, Sequence, Tuple

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.watch_time import duration_seconds


class Labels(Protocol):
    """A target, as far as its labels go; see `recbole_poem.rankers.targets.Target`."""

    name: str

    def labels(self, log: RequestLog) -> np.ndarray:
        """Return the label of every row, (R,); NaN where the log does not tell."""


@dataclass(frozen=True)
class Exposures:
    """A request log as a ranker sees it.

    Attributes
    ----------
    log : RequestLog
        R rows.
    labels : (R, M) float32
        One column a target; NaN where the log does not tell.
    seconds : (R,) int64
        Time of each row in seconds since 1970.
    gap : (R,) int64
        Seconds since the user's row before; -1 at the user's first row.
    n_recent : int
        H, the number of latest items that a ranker reads.
    context : (R, C) float64
        What a ranker knows of each row's request; see `recbole_poem.rankers.request_columns`.
    """

    log: RequestLog
    labels: np.ndarray
    seconds: np.ndarray
    gap: np.ndarray
    n_recent: int
    context: np.ndarray

    @property
    def labelled(self) -> np.ndarray:
        """(R,) bool, rows that some target has a label for: what a ranker learns from."""
        return ~np.isnan(self.labels).all(axis=1)

    @property
    def complete(self) -> np.ndarray:
        """(R,) bool, rows that every target has a label for."""
        return ~np.isnan(self.labels).any(axis=1)

    def recent(self, rows: np.ndarray) -> np.ndarray:
        """Return the items of the user's latest rows before each of `rows` (B,).

        Returns
        -------
        (B, H) int64, the latest first; 0 = none.
        """
        before, mine = self._before(rows)
        return np.where(mine, self.log.item[before], 0)

    def recent_labels(self, rows: np.ndarray) -> np.ndarray:
        """Return what came of the items that `recent` gives.

        Returns
        -------
        (B, H, M) float32; NaN where there is none, where the log does not tell, and for items of
        the same moment: the answer to them was not known by then.
        """
        before, mine = self._before(rows)
        known = mine & (self.log.time[before] < self.log.time[rows][:, None])
        return np.where(known[..., None], self.labels[before], np.float32(np.nan))

    def _before(self, rows: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return the H rows before each, (B, H), and whether they are of the same user."""
        before = rows[:, None] - 1 - np.arange(self.n_recent)
        return np.maximum(before, 0), before >= self.log.first[rows][:, None]

    def duration(self, rows: np.ndarray) -> np.ndarray:
        """Return how long the items of `rows` (B,) last, (B,) seconds; NaN = not known."""
        log = self.log
        if log.watch_time is None:
            return np.full(len(rows), np.nan)
        return duration_seconds(log.values, log.watch_time)[rows]


def exposures(
    log: RequestLog,
    targets: Sequence[Labels],
    n_recent: int,
    time_unit: str,
    context: Optional[np.ndarray] = None,
) -> Exposures:
    """Label the rows of a log.

    Parameters
    ----------
    log : RequestLog
    targets : sequence of M targets
        Fitted, where they have to be.
    n_recent : int
        H.
    time_unit : str
        Of the log's time, ``s`` or ``ms``.
    context : (R, C) float64, optional
        See `Exposures`; nothing is known where it is not given.

    Raises
    ------
    InputError
        Naming the target, for one without any label or whose labels are all alike, and for what
        else it finds wrong.
    """
    seconds = seconds_of(log, time_unit)
    gap = np.where(log.has_history, np.diff(seconds, prepend=seconds[:1]), -1)
    labels = np.empty((len(log), len(targets)), np.float32)
    for place, target in enumerate(targets):  # one at a time is in double precision
        labels[:, place] = _labels(log, target)
    context = np.empty((len(log), 0)) if context is None else context
    return Exposures(log, labels, seconds, gap, n_recent, context)


def seconds_of(log: RequestLog, time_unit: str) -> np.ndarray:
    """Return the time of each row of a log in seconds since 1970, (R,) int64."""
    return np.floor(log.time / PER_SECOND[time_unit]).astype(np.int64)


def _labels(log: RequestLog, target: Labels) -> np.ndarray:
    labels = target.labels(log)
    if np.isnan(labels).all():
        raise InputError(f"targets.{target.name}: no row of the log has a label")
    known = labels[~np.isnan(labels)]
    if known.min() == known.max():
        raise InputError(
            f"targets.{target.name}: all {len(known)} labelled rows have the label {known[0]:g}"
        )
    return labels
