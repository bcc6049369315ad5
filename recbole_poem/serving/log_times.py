"""When the rows were that a model learned from, and times that cannot be in their unit."""

from typing import Any, NamedTuple

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import far_off, in_words
from recbole_poem.log.requests import RequestLog


class LogTimes(NamedTuple):
    """The span of the training rows.

    Attributes
    ----------
    first, last : float
        In `unit`.
    unit : str
        Of the data set's time, as the key ``time_unit`` says.
    """

    first: float
    last: float
    unit: str

    @classmethod
    def of(cls, log: RequestLog, unit: Any) -> "LogTimes":
        """Return the span of the training rows of a log."""
        time = log.time[log.training]
        return cls(float(time.min()), float(time.max()), unit)

    def require(self, name: str, times: Any) -> None:
        """Check that times are in the unit of the log.

        Parameters
        ----------
        name : str
            Of what brings them, for the message.
        times : sequence of float, or None
            None and NaN: not known.

        Raises
        ------
        InputError
            Naming the first time that is larger or smaller than all of the log by a factor of 100.
        """
        if times is None:
            return
        far = far_off(np.asarray(times, dtype=np.float64), self.first, self.last, self.unit)
        if far is not None:
            first, last = (in_words(each, self.unit) for each in (self.first, self.last))
            raise InputError(
                f"{name}: {far:.16g} is far off the training rows, which go from {first} to {last} "
                f"(time_unit: {self.unit}); give times in that unit, and None where none is known"
            )
