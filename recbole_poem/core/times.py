"""Times of a log: their units, and how to say them."""

from typing import Optional

import numpy as np

#: Units of the time field, the key ``time_unit``, in a second.
PER_SECOND = {"s": 1, "ms": 1000}


def in_words(time: float, unit: str) -> str:
    """Return a time as date and time in UTC, or as a number where no calendar reaches."""
    seconds = time / PER_SECOND[unit]
    if not abs(seconds) < 1e11:  # some 3,000 years
        return f"{time:.16g}"
    return str(np.datetime64(int(seconds // 1), "s")).replace("T", " ")


def span_in_words(times: np.ndarray, unit: str) -> str:
    """Return the first and the last of some times (N,), N from 1, in words."""
    return f"from {in_words(times.min(), unit)} to {in_words(times.max(), unit)}"


def span(length: float, unit: str) -> str:
    """Return a length of time in the largest unit that it reaches, such as ``1.5 hours``."""
    seconds = length / PER_SECOND[unit]
    for name, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.1f} seconds"


#: units that times may be in by mistake, in a second, and how to mend that
_UNITS = {
    "seconds": (1, "say time_unit: s"),
    "milliseconds": (1_000, "say time_unit: ms"),
    "microseconds": (1_000_000, "divide them by 1000 and say time_unit: ms"),
    "nanoseconds": (1_000_000_000, "divide them by 1000000 and say time_unit: ms"),
}
_PLAUSIBLE = (315_532_800, 4_102_444_800)  # 1980 to 2100, in seconds


def doubt(first: float, last: float, unit: str) -> str:
    """Say what is odd about the first and the last time of a log; nothing where all is well.

    Parameters
    ----------
    first, last : float
        Since 1970, in `unit`.
    unit : str
        One of `PER_SECOND`.
    """
    if first == last:
        return "all rows have the same time, so their order is that of the file"
    low, high = _PLAUSIBLE
    if not (last < low * PER_SECOND[unit] or first > high * PER_SECOND[unit]):
        return ""
    where = f"they lie {'before 1980' if last < low * PER_SECOND[unit] else 'after 2100'}"
    for name, (scale, mend) in _UNITS.items():
        if low * scale <= first and last <= high * scale:
            return f"{where}, read as {unit}, and look like {name}; {mend}"
    return f"{where}, read as {unit}; that is well if they number steps, and the hour means nothing"


#: a factor of 1000 lies between two units, and a log does not reach over one of 100
_FAR = 100


def far_off(times: np.ndarray, first: float, last: float, unit: str) -> Optional[float]:
    """Return a time that is larger or smaller than those of a log by a factor of 100.

    Parameters
    ----------
    times : (...) float
        NaN = not known.
    first, last : float
        Of the log, since 1970, in `unit`.
    unit : str
        One of `PER_SECOND`.

    Returns
    -------
    float or None
        The first one. None where there is none, and for a log that numbers steps: what it may be
        compared with is the calendar.
    """
    scale = PER_SECOND[unit]
    if last < _PLAUSIBLE[0] * scale or first > _PLAUSIBLE[1] * scale:
        return None
    far = times[(times > last * _FAR) | (np.abs(times) * _FAR < first)]
    return float(far.flat[0]) if far.size else None
