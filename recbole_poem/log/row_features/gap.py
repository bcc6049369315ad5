"""The time between a row of a history and the row before it, in slots that a model can embed.

Slots are powers of two of seconds, because a second more says much after one second and nothing
after a day: with ``s`` seconds between two rows the slot is ``1`` below one second, and ``2 +
floor(log2(s))`` from there to the last slot, which has no end. 0 = not known.
"""

from dataclasses import dataclass
from logging import getLogger
from typing import Any

import numpy as np

from recbole_poem.core.settings import SHARE, setting
from recbole_poem.core.stages import ROW_FEATURES
from recbole_poem.log.requests import RequestLog

#: with the slot of what is not known; the last one begins at 2^25 seconds, a little over a year
N_SLOTS = 28
_NO_SECONDS = 1e11  # since 1970: the year 5138


def gap_slots(time: np.ndarray, first: np.ndarray, per_second: float) -> np.ndarray:
    """Return the slot of the gap before each row of some histories.

    Parameters
    ----------
    time : (R,) float64
        Of histories one behind the other; NaN = not known. Where it runs backwards, as it may in
        what a service has gathered, the gap is not known.
    first : (R,) bool
        Whether a row is the first of its history, before which no gap is known.
    per_second : float
        Units of `time` in a second.

    Returns
    -------
    (R,) uint8
        In [0, `N_SLOTS`).
    """
    with np.errstate(over="ignore"):  # an endless gap is a long one
        seconds = np.minimum(np.diff(time, prepend=np.nan) / per_second, 2.0**N_SLOTS)
    known = (seconds >= 0) & ~first
    exponent = np.frexp(seconds[known])[1]  # s = m 2^exponent with 1/2 <= m < 1
    slot = np.zeros(len(time), dtype=np.uint8)
    slot[known] = 1 + np.clip(exponent, 0, N_SLOTS - 2)
    return slot


@ROW_FEATURES.register("gap")
class Gap:
    """The time between a row and the row before it, in slots of powers of two of seconds.

    Parameters
    ----------
    settings : Settings
    """

    n_slots = N_SLOTS

    @dataclass(frozen=True)
    class Settings:
        """Of its absence."""

        dropout: float = setting(0.2, SHARE, "share of the training windows that go without it")

    def __init__(self, settings: Any) -> None:
        self.dropout = settings.dropout

    def of_log(self, log: RequestLog, per_second: float) -> np.ndarray:
        """Return the slot of every row of a log, (R,) uint8; warn of times that look wrong."""
        last = log.time.max() / per_second
        if last > _NO_SECONDS:
            getLogger().warning(
                f"row_features.gap: the times of the log go up to {last:.0f} seconds, which looks "
                "like milliseconds; set time_unit to ms if they are"
            )
        slot = np.zeros(len(log), dtype=np.uint8)
        for rows in log.blocks():
            before = max(rows.start - 1, 0)  # whose gap is not asked for, unless it is row 0
            first = log.first[before : rows.stop] == np.arange(before, rows.stop)
            found = gap_slots(log.time[before : rows.stop], first, per_second)
            slot[rows] = found[rows.start - before :]
        return slot

    def of_request(self, time: np.ndarray, first: np.ndarray, per_second: float) -> np.ndarray:
        """Return the slot of every row of some histories, (E,) uint8."""
        return gap_slots(time, first, per_second)
