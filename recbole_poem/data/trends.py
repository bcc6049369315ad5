"""What was popular lately: each item's share of the log's latest rows against its share before.

A catalogue of news or short videos changes by the day, and similarities that were counted over
weeks do not know it. Time is cut into steps, backwards from the end of the training part. At step b

    trend_b(i) = log((c_b(i) + n q_b(i)) / ((C_b + n) q_b(i))),  q_b(i) = (a_b(i) + 1) / (A_b + n),

where c_b counts the training rows of item i within the window before the step begins, a_b those of
all the time before it, C_b and A_b their sums, and n is the number of items: 0 for an item that is
as frequent as ever. A step looks back from its beginning alone, so that no later row moves it, and
what is read in training is as old as what is read in evaluation: behind the training part it is
the last step for all.
"""

from typing import NamedTuple

import numpy as np
import torch

from recbole_poem.errors import InputError
from recbole_poem.upstream.requests import RequestLog

_MOST = 32  # steps that are kept, the latest: memory is theirs times the items


class Trends(NamedTuple):
    """Trends of K steps, in ascending order of time.

    Attributes
    ----------
    begin : (K,) float64
        Of each step, in the unit of the time field; the last has no end.
    logit : (n_items, K) float32
        trend_b(i); 0 for padding.
    """

    begin: np.ndarray
    logit: torch.Tensor

    def step(self, time: np.ndarray) -> torch.Tensor:
        """Return the step of each time (R,), from 1; 0 for what lies before the first one."""
        return torch.from_numpy(np.searchsorted(self.begin, time, side="right"))


def item_trends(log: RequestLog, window: float, step: float) -> Trends:
    """Count the trends of a log's training rows.

    Parameters
    ----------
    log : RequestLog
    window : float
        How far a step looks back, in the unit of the time field.
    step : float
        From one step to the next, in that unit.

    Raises
    ------
    InputError
        If there is no training row.
    """
    if not log.training.any():
        raise InputError("trend_window: there is no training row to count")
    order = np.argsort(log.time[log.training], kind="stable")
    time, item = (column[log.training][order] for column in (log.time, log.item))
    number = 1 + min(_MOST - 1, int((time[-1] - time[0]) // step))
    begin = np.nextafter(time[-1], np.inf) - step * np.arange(number)[::-1]
    logit = np.zeros((log.n_items, number), dtype=np.float32)
    until, since = np.searchsorted(time, begin), np.searchsorted(time, begin - window)
    ever = np.zeros(log.n_items)
    for place in range(number):
        ever += np.bincount(
            item[until[place - 1] if place else 0 : until[place]], minlength=log.n_items
        )
        lately = np.bincount(item[since[place] : until[place]], minlength=log.n_items)
        share = (ever + 1) / (ever.sum() + log.n_items)
        logit[:, place] = np.log(
            (lately + log.n_items * share) / ((lately.sum() + log.n_items) * share)
        )
    logit[0] = 0
    return Trends(begin, torch.from_numpy(logit))
