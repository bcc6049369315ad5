"""What was popular lately: each item's share of the log's latest rows against its share before.

A catalogue of news or short videos changes by the hour, and similarities that were counted over
weeks do not know it. Time is cut into steps, backwards from the end of the training part. At step b

    trend_b(i) = log((c_b(i) + n q_b(i)) / ((C_b + n) q_b(i))),  q_b(i) = (a_b(i) + 1) / (A_b + n),

where c_b counts the training rows of item i within a window before the step begins, a_b those of
all the time before it, C_b and A_b their sums, and n is the number of items: 0 for an item that is
as frequent as ever. A step looks back from its beginning alone, so that no later row moves it. What
a request reads is up to a step old; behind the training part it is the last step for all.
"""

from typing import Any, List, NamedTuple, Optional, Sequence

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.log.hours import Daily, HourTrends
from recbole_poem.log.requests import RequestLog

_CELLS = 2**26  # of trends that are kept, those of the latest steps: 256 MB


class Trends(NamedTuple):
    """Trends of P windows at K steps, in ascending order of time.

    Attributes
    ----------
    begin : (K,) float64
        Of each step, in the unit of the time field; the last has no end.
    logit : (P, K + 1, n_items) float32
        trend_b(i) at b from 1 to K; 0 at b = 0, before the first step, and for padding.
    weight : list of P float, or None
        By which evaluation multiplies each window's trend; None = as the model learned.
    hours : HourTrends, or None
        Of the hours of the day, which evaluation knows as well.
    """

    begin: np.ndarray
    logit: torch.Tensor
    weight: Optional[List[float]] = None
    hours: Optional[HourTrends] = None

    def step(self, time: np.ndarray) -> torch.Tensor:
        """Return the step of each time (R,), from 1; 0 for what lies before the first one."""
        return torch.from_numpy(np.searchsorted(self.begin, time, side="right"))

    def in_evaluation(self, time: np.ndarray) -> torch.Tensor:
        """Return what evaluation is to know of each time, (R, C): the step, and the hour if any."""
        steps = [self.step(time)]
        if self.hours is not None:
            steps.append(self.hours.step(time))
        return torch.stack(steps, dim=1)


class Windows(NamedTuple):
    """What ``trend_windows`` says.

    Attributes
    ----------
    hours : list of P float
        How far each window looks back.
    weight : list of P float, or None
        In evaluation; None = as learned.
    daily : list of Daily
        Windows of every day.
    """

    hours: List[float]
    weight: Optional[List[float]]
    daily: List[Daily]


def windows_of(key: Sequence[Any]) -> Windows:
    """Return what ``trend_windows`` says.

    Parameters
    ----------
    key : list
        Of hours, or of pairs [hours, weight in evaluation]; and of triples [hours, weight, days].
    """
    daily = [Daily(*each) for each in key if isinstance(each, list) and len(each) == 3]
    pairs = [each for each in key if isinstance(each, list) and len(each) == 2]
    if not pairs:
        return Windows([each for each in key if not isinstance(each, list)], None, daily)
    return Windows([hours for hours, _ in pairs], [weight for _, weight in pairs], daily)


def item_trends(log: RequestLog, windows: Sequence[float], step: float) -> Trends:
    """Count the trends of a log's training rows.

    Parameters
    ----------
    log : RequestLog
    windows : sequence of P float
        How far a step looks back, in the unit of the time field.
    step : float
        From one step to the next, in that unit.

    Raises
    ------
    InputError
        If there is no training row.
    """
    if not log.training.any():
        raise InputError("trend_windows: there is no training row to count")
    order = np.argsort(log.time[log.training], kind="stable")
    time, item = (column[log.training][order] for column in (log.time, log.item))
    room = max(1, _CELLS // (max(1, len(windows)) * log.n_items))
    number = min(room, 1 + int((time[-1] - time[0]) // step))
    begin = np.nextafter(time[-1], np.inf) - step * np.arange(number)[::-1]
    until = np.searchsorted(time, begin)
    logit = np.zeros((len(windows), number + 1, log.n_items), dtype=np.float32)
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
