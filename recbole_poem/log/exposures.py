"""What a multi-task ranker learns from: the rows of the log with the labels of its tasks.

Everything about a row that a ranker may read lies before it: the user's latest items, the moment,
and how long ago the user was there last.
"""

from dataclasses import dataclass
from typing import List, Sequence

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND
from recbole_poem.log.feedback import feedback_column, positive_rows
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.tasks import TaskSpecification
from recbole_poem.log.watch_time import play_seconds


@dataclass(frozen=True)
class Exposures:
    """A request log as a ranker sees it.

    Attributes
    ----------
    log : RequestLog
        R rows.
    labels : (R, M) float32
        One column a task: 1 or 0, or seconds of a watch time; NaN where the log does not tell.
    seconds : (R,) int64
        Time of each row in seconds since 1970.
    gap : (R,) int64
        Seconds since the user's row before; -1 at the user's first row.
    n_recent : int
        H, the number of latest items that a ranker reads.
    """

    log: RequestLog
    labels: np.ndarray
    seconds: np.ndarray
    gap: np.ndarray
    n_recent: int

    @property
    def labelled(self) -> np.ndarray:
        """(R,) bool, rows that some task has a label for: what a ranker learns from."""
        return ~np.isnan(self.labels).all(axis=1)

    @property
    def complete(self) -> np.ndarray:
        """(R,) bool, rows that every task has a label for."""
        return ~np.isnan(self.labels).any(axis=1)

    def recent(self, rows: np.ndarray) -> np.ndarray:
        """Return the items of the user's latest rows before each of `rows` (B,).

        Returns
        -------
        (B, H) int64, the latest first; 0 = none.
        """
        before = rows[:, None] - 1 - np.arange(self.n_recent)
        mine = before >= self.log.first[rows][:, None]
        return np.where(mine, self.log.item[np.maximum(before, 0)], 0)


def exposures(
    log: RequestLog, tasks: Sequence[TaskSpecification], n_recent: int, time_unit: str
) -> Exposures:
    """Label the rows of a log.

    Parameters
    ----------
    log : RequestLog
    tasks : sequence of TaskSpecification
        M of them.
    n_recent : int
        H.
    time_unit : str
        Of the log's time, ``s`` or ``ms``.

    Raises
    ------
    InputError
        Naming the task, for a column that is not there, and for a task without any label or, where
        it is a yes/no question, without both answers.
    """
    seconds = np.floor(log.time / PER_SECOND[time_unit]).astype(np.int64)
    gap = np.where(log.position > 0, np.diff(seconds, prepend=seconds[:1]), -1)
    labels = np.stack([_labels(log, task) for task in tasks], axis=1).astype(np.float32)
    return Exposures(log, labels, seconds, gap, n_recent)


def _labels(log: RequestLog, task: TaskSpecification) -> np.ndarray:
    """Return the label of every row for one task, (R,)."""
    key = f"tasks.{task.name}"
    if task.kind == "watch_time":
        if log.watch_time is None:
            raise InputError(
                f"{key}: say which columns tell it, such as "
                "watch_time: {play: play_time_ms, duration: duration_ms, unit: ms}"
            )
        seconds = play_seconds(log.values, log.watch_time)
        labels = np.where(seconds >= 0, seconds, np.nan)
    else:
        labels = _answers(log, task.feedback, f"{key}.feedback")
    known = labels[~np.isnan(labels)]
    if not len(known):
        raise InputError(f"{key}: no row of the log has a label")
    if task.kind == "binary" and known.min() == known.max():
        raise InputError(f"{key}: all {len(known)} labelled rows have the label {known[0]:.0f}")
    return labels


def _answers(log: RequestLog, conditions: List[dict], key: str) -> np.ndarray:
    """Return 1 where a condition holds, 0 where the log rules out all of them, NaN elsewhere."""
    positive = np.zeros(len(log), dtype=bool)
    negative = np.ones(len(log), dtype=bool)
    for condition in conditions:
        positive |= positive_rows(log, condition, key)
        fails = np.zeros(len(log), dtype=bool)
        for name, interval in condition.items():
            known = ~np.isnan(feedback_column(log, name, key))
            fails |= known & ~positive_rows(log, {name: interval}, key)
        negative &= fails
    return np.where(positive, 1.0, np.where(negative, 0.0, np.nan))
