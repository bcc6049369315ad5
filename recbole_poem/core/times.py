"""Times of a log: their units, and how to say them."""

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
