"""What is popular at which time of the day, on all days alike.

What is watched in the morning is not what is watched at night. With c_h(i) the training rows of
item i within some hours around hour h of the day, in the last days of the training part, and a(i)
those of all hours of these days,

    trend_h(i) = log((c_h(i) + n q(i)) / ((C_h + n) q(i))),  q(i) = (a(i) + 1) / (A + n),

where C_h and A are their sums and n is the number of items: 0 for an item that is as frequent as at
other hours; compare `recbole_poem.log.trends`. The rows that are counted include those that
training learns from, and of other users those of the same days: it is for evaluation.
"""

from typing import List, NamedTuple, Sequence

import numpy as np
import torch

from recbole_poem.log.requests import RequestLog

_HOURS = 24


class Clock(NamedTuple):
    """How to read the users' clocks.

    Attributes
    ----------
    hour : float
        In the unit of the time field.
    ahead : float
        Of UTC, in hours.
    """

    hour: float
    ahead: float

    def at(self, time: np.ndarray) -> np.ndarray:
        """Return the hours of times (R,), from 0 to 23, as float; NaN where the time is."""
        hours: np.ndarray = np.floor(time / self.hour + self.ahead) % _HOURS
        return hours


class Daily(NamedTuple):
    """A window of every day.

    Attributes
    ----------
    hours : int
        Its length: an odd number, of the hour itself and of as many before it as after it.
    weight : float
        By which evaluation multiplies its trend.
    days : float
        How far to look back from the last training row.
    """

    hours: int
    weight: float
    days: float


class HourTrends(NamedTuple):
    """Trends of P windows of the day.

    Attributes
    ----------
    clock : Clock
    logit : (P, 25, n_items) float32
        trend_h(i) at 1 + h; 0 at 0, for a time that is not known, and for padding.
    weight : list of P float
    """

    clock: Clock
    logit: torch.Tensor
    weight: List[float]

    def step(self, time: np.ndarray) -> torch.Tensor:
        """Return the places of times (R,) in `logit`."""
        return torch.from_numpy(np.nan_to_num(1 + self.clock.at(time), nan=0).astype(np.int64))


def hour_trends(log: RequestLog, clock: Clock, windows: Sequence[Daily]) -> HourTrends:
    """Count the trends of the hours in a log's training rows, of which there is at least one."""
    time, item = log.time[log.training], log.item[log.training]
    logit = np.zeros((len(windows), 1 + _HOURS, log.n_items), dtype=np.float32)
    for of_window, window in zip(logit, windows):
        kept = time > time.max() - window.days * _HOURS * clock.hour
        cell = clock.at(time[kept]).astype(np.int64) * log.n_items + item[kept]
        at_hour = np.bincount(cell, minlength=_HOURS * log.n_items).reshape(_HOURS, log.n_items)
        reach = window.hours // 2
        turned = [np.roll(at_hour, by, axis=0) for by in range(-reach, reach + 1)]
        count = np.sum(turned, axis=0)
        ever = at_hour.sum(axis=0)
        share = (ever + 1) / (ever.sum() + log.n_items)
        expected = (count.sum(axis=1, keepdims=True) + log.n_items) * share
        of_window[1:] = np.log((count + log.n_items * share) / expected)
    logit[:, :, 0] = 0
    return HourTrends(clock, torch.from_numpy(logit), [window.weight for window in windows])
