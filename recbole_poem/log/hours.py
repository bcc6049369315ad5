"""What is popular at which time of the day, on all days alike.

What is watched in the morning is not what is watched at night. Time is cut into days, backwards
from the end of the training part. On day b, with c_bh(i) the training rows of item i within some
hours around hour h of the last days before b begins, and a_b(i) those of all hours of these days,

    trend_bh(i) = log((c_bh(i) + n q(i)) / ((C_bh + n) q(i))),  q(i) = (a_b(i) + 1) / (A_b + n),

where C_bh and A_b are their sums and n is the number of items: 0 for an item that is as frequent as
at other hours; compare `recbole_poem.log.trends`. A day looks back from its beginning alone, so
that no later row moves it. What a request reads is up to a day old; behind the training part it is
the last day for all. Of other users the rows of a day may have been learned from: it is for
evaluation.
"""

from typing import NamedTuple

import numpy as np
import torch

from recbole_poem.log.clock import HOURS, Clock
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.trends import CELLS, steps_of


class HourTrends(NamedTuple):
    """Trends of the hours of K days; see `recbole_poem.log.clock.Dated`.

    Attributes
    ----------
    clock : Clock
    begin : (K,) float64
        Of each day, in the unit of the time field; the last has no end.
    logit : (1, 1 + 24 K, n_items) float32
        trend_bh(i) at 1 + 24 b + h, b from 0; 0 at 0, for a time before the first day or not known,
        and for padding.
    """

    clock: Clock
    begin: np.ndarray
    logit: torch.Tensor

    @property
    def now(self) -> int:
        """Return the first hour of the last day: somebody may ask at any of its hours."""
        return 1 + HOURS * (len(self.begin) - 1)

    def step(self, time: np.ndarray) -> torch.Tensor:
        """Return the places of times (R,) in `logit`; 0 where no hour is known, and of NaN."""
        day = np.searchsorted(self.begin, time, side="right") - 1
        place = 1 + HOURS * day + self.clock.at(time)
        return torch.from_numpy(np.where(day < 0, 0, np.nan_to_num(place)).astype(np.int64))


def hour_trends(log: RequestLog, clock: Clock, hours: int, days: int) -> HourTrends:
    """Count the trends of the hours in a log's training rows, of which there is at least one.

    As many days are kept as memory holds, the latest.

    Parameters
    ----------
    log : RequestLog
    clock : Clock
    hours : int
        An odd number: the hour itself, and as many before it as after it.
    days : int
        How far a day looks back.
    """
    order = np.argsort(log.time[log.training], kind="stable")
    time, item = (column[log.training][order] for column in (log.time, log.item))
    day = HOURS * clock.hour
    begin = steps_of(time, day, CELLS // (HOURS * log.n_items))
    until = np.searchsorted(time, begin)
    since = np.searchsorted(time, np.nextafter(begin, -np.inf) - days * day, side="right")
    logit = np.zeros((1, 1 + HOURS * len(begin), log.n_items), dtype=np.float32)
    cell = clock.at(time).astype(np.int64) * log.n_items + item
    for place, (first, end) in enumerate(zip(since, until)):
        at_hour = np.bincount(cell[first:end], minlength=HOURS * log.n_items)
        found = _of_hours(at_hour.reshape(HOURS, log.n_items), hours)
        logit[0, 1 + HOURS * place : 1 + HOURS * (place + 1)] = found
    logit[:, :, 0] = 0
    return HourTrends(clock, begin, torch.from_numpy(logit))


def _of_hours(at_hour: np.ndarray, hours: int) -> np.ndarray:
    """Return the trends of the hours from the rows at each of them, both (24, n_items)."""
    n_items, reach = at_hour.shape[1], hours // 2
    count = np.sum([np.roll(at_hour, by, axis=0) for by in range(-reach, reach + 1)], axis=0)
    ever = at_hour.sum(axis=0)
    share = (ever + 1) / (ever.sum() + n_items)
    expected = (count.sum(axis=1, keepdims=True) + n_items) * share
    found: np.ndarray = np.log((count + n_items * share) / expected)
    return found
