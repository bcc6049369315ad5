"""The time between a row of a history and the row before it, in slots that a model can embed.

Slots are powers of two of seconds, because a second more says much after one second and nothing
after a day: with ``s`` seconds between two rows the slot is ``1`` below one second, and ``2 +
floor(log2(s))`` from there to the last slot, which has no end. 0 = not known.
"""

import numpy as np

#: with the slot of what is not known; the last one begins at 2^25 seconds, a little over a year
N_SLOTS = 28


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
