"""Intervals as RecBole's keys spell them: ``[4,inf)``, ``(0,1]``, ``[1,2];[5,5]``."""

import re
from typing import Any, List, NamedTuple, Optional

import numpy as np

from recbole_poem.core.errors import InputError

_INTERVAL = re.compile(r"\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])\s*")
WORDS = "an interval such as [5,inf) or (0,1], or several joined by ';'"


class Interval(NamedTuple):
    """The numbers from `low` to `high`, which belong to it where a square bracket says so."""

    left: str
    low: float
    high: float
    right: str

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Mark the values that lie within, (N,) bool; NaN does not."""
        above = values >= self.low if self.left == "[" else values > self.low
        below = values <= self.high if self.right == "]" else values < self.high
        return above & below


def parse_intervals(value: Any, key: str) -> List[Interval]:
    """Read intervals, any of which may hold.

    Parameters
    ----------
    value : Any
        A string, or two numbers in a list, which a command line makes of ``[1,5]``: both belong to
        the interval.
    key : str
        The configuration key that it stands under, for the error.

    Raises
    ------
    InputError
        For anything else, and where the lower end lies above the upper one.
    """
    found = [_parsed(part) for part in _spelt(value).split(";")]
    intervals = [interval for interval in found if interval is not None]
    if len(intervals) < len(found):
        raise InputError(f"{key}: expected {WORDS}, not {value!r}")
    return intervals


def is_interval(value: Any) -> bool:
    """Tell whether `parse_intervals` reads a value."""
    return all(_parsed(part) is not None for part in _spelt(value).split(";"))


def within(values: np.ndarray, intervals: List[Interval]) -> np.ndarray:
    """Mark the values (N,) that lie within one of some intervals, (N,) bool."""
    return np.logical_or.reduce([interval.holds(values) for interval in intervals])


def _spelt(value: Any) -> str:
    """Return an interval as a string; a value that is none stays none."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return f"[{value[0]},{value[1]}]"
    return repr(value)


def _parsed(text: str) -> Optional[Interval]:
    match = _INTERVAL.fullmatch(text)
    try:
        low, high = (float(match[2]), float(match[3])) if match else (np.nan, np.nan)
    except ValueError:
        return None
    if match is None or not low <= high:
        return None
    return Interval(match[1], low, high, match[4])


def spelt(intervals: List[Interval]) -> str:
    """Return intervals as RecBole's keys spell them."""
    return ";".join(f"{i.left}{i.low:.16g},{i.high:.16g}{i.right}" for i in intervals)
