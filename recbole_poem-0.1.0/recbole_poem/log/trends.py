"""What was popular lately: each item's share of the log's latest rows against its share before.

A catalogue of news or short videos changes by the hour, and similarities that were counted over
weeks do not know it. Time is cut into steps, backwards from the end of the training part. At step b

    trend_b(i) = log((c_b(i) + n q_b(i)) / ((C_b + n) q_b(i))),  q_b(i) = (a_b(i) + 1) / (A_b + n),

where c_b counts the training rows of item i within a window before the step begins, a_b those of
all the time before it, C_b and A_b their sums, and n is the number of items: 0 for an item that is
as frequent as ever. A step looks back from its beginning alone, so that no later row moves it. What
a request reads is up to a step old; behind the training part it is the last step for all.
"""

from typing import NamedTuple, Sequence

import numpy as np
import torch

from recbole_poem.log.requests import RequestLog

CELLS = 2**26  # of trends that are kept, those of the latest steps: 256 MB


class Trends(NamedTuple):
    """Trends of P windows at K steps, in ascending order of time; see `log.clock.Dated`.

    Attributes
    ----------
    begin : (K,) float64
        Of each step, in the unit of the time field; the last has no end.
    logit : (P, K + 1, n_items) float32
        trend_b(i) at b from 1 to K; 0 at b = 0, before the first step, and for padding.
    """

    begin: np.ndarray
    logit: torch.Tensor

    @property
    def now(self) -> int:
        """Return the last step."""
        return len(self.begin)

    def step(self, time: np.ndarray) -> torch.Tensor:
        """Return the step of each time (R,), from 1; 0 for what lies before the first one."""
        return torch.from_numpy(np.searchsorted(self.begin, time, side="right"))


def steps_of(time: np.ndarray, step: float, room: int) -> np.ndarray:
    """Cut the time of ascending rows (R,) into steps, backwards from just behind the last row.

    Parameters
    ----------
    time : (R,)
        At least one.
    step : float
        Its length.
    room : int
        The most steps to keep, from 1: the latest.

    Returns
    -------
    (K,) float64, the beginnings, ascending.
    """
    number = min(max(1, room), 1 + int((time[-1] - time[0]) // step))
    begin: np.ndarray = np.nextafter(time[-1], np.inf) - step * np.arange(number)[::-1]
    return begin


def item_trends(log: RequestLog, windows: Sequence[float], step: float) -> Trends:
    """Count the trends of a log's training rows, of which there is at least one.

    Parameters
    ----------
    log : RequestLog
    windows : sequence of P float
        How far a step looks back, in the unit of the time field.
    step : float
        From one step to the next, in that unit.
    """
    order = np.argsort(log.time[log.training], kind="stable")
    time, item = (column[log.training][order] for column in (log.time, log.item))
    begin = steps_of(time, step, CELLS // (len(windows) * log.n_items))
    until = np.searchsorted(time, begin)
    logit = np.zeros((len(windows), len(begin) + 1, log.n_items), dtype=np.float32)
    ever = np.zeros(log.n_items)
    for place, new in enumerate(np.split(item[: until[-1]], until[:-1])):
        ever += np.bincount(new, minlength=log.n_items)
        share = (ever + 1) / (ever.sum() + log.n_items)
        for of_window, window in zip(logit, windows):
            since = np.searchsorted(time, begin[place] - window)
            lately = np.bincount(item[since : until[place]], minlength=log.n_items)
            expected = (lately.sum() + log.n_items) * share
            of_window[place + 1] = np.log((lately + log.n_items * share) / expected)
    logit[:, :, 0] = 0
    return Trends(begin, torch.from_numpy(logit))
