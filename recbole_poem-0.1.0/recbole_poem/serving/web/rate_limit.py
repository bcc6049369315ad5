"""How often each caller may ask: a bucket that fills at a rate and is emptied by requests."""

import time
from typing import Callable, NamedTuple, Optional

from recbole_poem.serving.bounds import above_zero
from recbole_poem.serving.stores.recent import Recent


class _Bucket(NamedTuple):
    left: float
    at: float
    admitted: bool


class RateLimit:
    """Admits requests by caller.

    Parameters
    ----------
    rate : float
        Requests a second in the long run.
    burst : int
        Requests at once of a caller who was quiet, from 1.
    max_callers : int
        Of whom it is remembered what they asked.
    clock : function, optional
        Seconds, ascending.

    Raises
    ------
    InputError
        If a bound is not above 0.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        max_callers: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        above_zero(rate=rate, burst=burst)
        self.rate, self._burst, self._clock = rate, float(burst), clock
        # a bucket that nobody touched for so long is full again
        self._buckets: Recent[_Bucket] = Recent(max_callers, burst / rate + 1, clock)

    def admits(self, caller: str) -> bool:
        """Tell whether one more request of a caller is admitted now."""
        now = self._clock()

        def take(bucket: Optional[_Bucket]) -> _Bucket:
            left = self._burst
            if bucket is not None:
                left = min(left, bucket.left + (now - bucket.at) * self.rate)
            return _Bucket(left - 1, now, True) if left >= 1 else _Bucket(left, now, False)

        return self._buckets.change(caller, take).admitted
