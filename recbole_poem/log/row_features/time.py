"""The moment of a row, as a raw value for position encodings that read times."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_poem.core.settings import SHARE, setting
from recbole_poem.core.stages import ROW_FEATURES
from recbole_poem.log.requests import RequestLog


@ROW_FEATURES.register("time")
class Time:
    """The moment of a row, in seconds since 1970, for positions that read it; needs time_unit.

    A row without a time has that of the row before it, and 0 where no earlier one is known, so
    that every value is a number. Float64 tells the seconds apart, which float32 does not.

    Parameters
    ----------
    settings : Settings
    """

    n_slots = 0

    @dataclass(frozen=True)
    class Settings:
        """Of the feature."""

        dropout: float = setting(0.2, SHARE, "share of the training windows without these times")

    def __init__(self, settings: Any) -> None:
        self.dropout = settings.dropout

    def of_log(self, log: RequestLog, per_second: float) -> np.ndarray:
        """Return the seconds of each row of a log, (R,) float64."""
        return log.time / per_second  # no row of a log lacks its time

    def of_request(self, time: np.ndarray, first: np.ndarray, per_second: float) -> np.ndarray:
        """Return the seconds of each row of histories that requests bring, (E,) float64."""
        row = np.arange(len(time))
        begin = np.maximum.accumulate(np.where(first, row, 0))
        known = np.maximum.accumulate(np.where(np.isnan(time), -1, row))
        return np.where(known >= begin, time[known] / per_second, 0.0)
