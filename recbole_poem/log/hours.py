"""What is popular at which time of the day, on all days alike.

What is watched in the morning is not what is watched at night. With c_h(i) the training rows of
item i within some hours around hour h of the day, in the last days of the training part, and a(i)
those of all hours of these days,

    trend_h(i) = log((c_h(i) + n q(i)) / ((C_h + n) q(i))),  q(i) = (a(i) + 1) / (A + n),

where C_h and A are their sums and n is the number of items: 0 for an item that is as frequent as at
other hours; compare `recbole_poem.log.trends`. The rows that are counted include those that
training learns from, and of other users those of the same days: it is for evaluation.
"""

from typing import NamedTuple

import numpy as np
import torch

from recbole_poem.log.clock import HOURS, Clock
from recbole_poem.log.requests import RequestLog


class HourTrends(NamedTuple):
    """Trends of the hours of the day; see `recbole_poem.log.clock.Dated`.

    Attributes
    ----------
    clock : Clock
    logit : (1, 25, n_items) float32
        trend_h(i) at 1 + h; 0 at 0, for a time that is not known, and for padding.
    """

    clock: Clock
    logit: torch.Tensor

    @property
    def now(self) -> int:
        """Return the first hour: somebody may ask at any of them."""
        return 1

    def step(self, time: np.ndarray) -> torch.Tensor:
        """Return the places of times (R,) in `logit`."""
        return torch.from_numpy(np.nan_to_num(1 + self.clock.at(time), nan=0).astype(np.int64))


def hour_trends(log: RequestLog, clock: Clock, hours: int, days: int) -> HourTrends:
    """Count the trends of the hours in a log's training rows, of which there is at least one.

    Parameters
    ----------
    log : RequestLog
    clock : Clock
    hours : int
        An odd number: the hour itself, and as many before it as after it.
    days : int
        How far to look back from the last training row.
    """
    time, item = log.time[log.training], log.item[log.training]
    kept = time > time.max() - days * HOURS * clock.hour
    cell = clock.at(time[kept]).astype(np.int64) * log.n_items + item[kept]
    at_hour = np.bincount(cell, minlength=HOURS * log.n_items).reshape(HOURS, log.n_items)
    reach = hours // 2
    count = np.sum([np.roll(at_hour, by, axis=0) for by in range(-reach, reach + 1)], axis=0)
    ever = at_hour.sum(axis=0)
    share = (ever + 1) / (ever.sum() + log.n_items)
    expected = (count.sum(axis=1, keepdims=True) + log.n_items) * share
    logit = np.zeros((1, 1 + HOURS, log.n_items), dtype=np.float32)
    logit[0, 1:] = np.log((count + log.n_items * share) / expected)
    logit[:, :, 0] = 0
    return HourTrends(clock, torch.from_numpy(logit))
