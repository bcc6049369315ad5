"""How components read the time of a request."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from recbole_poem.core.times import PER_SECOND

#: of a day
HOURS = 24


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

    @classmethod
    def of(cls, config: Any) -> "Clock":
        """Return that of a configuration: its ``time_unit`` and ``utc_offset``."""
        return cls(3600 * PER_SECOND[config["time_unit"]], config["utc_offset"] / 3600)

    def at(self, time: np.ndarray) -> np.ndarray:
        """Return the hours of times (R,), from 0 to 23, as float; NaN where the time is."""
        hours: np.ndarray = np.floor(time / self.hour + self.ahead) % HOURS
        return hours


class Dated(Protocol):
    """What is known of all items at each step of time.

    Attributes
    ----------
    logit : (P, K + 1, n_items) float32
        P kinds of it, at the steps 1 to K; 0 at step 0, where nothing is known, and for padding.
    """

    @property
    def logit(self) -> torch.Tensor:
        """See above."""

    @property
    def now(self) -> int:
        """Return the first of the steps, up to K, in which somebody may still ask."""

    def step(self, time: np.ndarray) -> torch.Tensor:
        """Return the step of each time (R,), int64; of NaN as of a request made now."""
