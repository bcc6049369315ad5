"""Times as numbers since 1970, whose unit their size tells."""

from datetime import tzinfo
from typing import Optional

import numpy as np

from recbole_poem.data.convert.table.time_kinds import Column, TimeFormat, Times
from recbole_poem.data.convert.table.zones import offset_at

#: unit -> the smallest number that is taken for one, of 1973; the next unit begins 1000 times later
SMALLEST = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}
_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_PER_MILLISECOND = {"us": 1_000, "ns": 1_000_000}
_LATEST = 1e10  # seconds since 1970: the year 2286


def unix_times(
    column: Column, numbers: np.ndarray, how: TimeFormat, zone: Optional[tzinfo]
) -> Times:
    """Read numbers since 1970.

    Parameters
    ----------
    column : Column
    numbers : (R,) int64 or float64
        Its values.
    how : TimeFormat
        Without a form.
    zone : tzinfo, optional
        Of the users' clocks.

    Raises
    ------
    InputError
        Naming the row with a value that is no time, or not in the unit of the others; and where the
        unit cannot be told.
    """
    column.refuse(~np.isfinite(numbers), "is no time")
    column.refuse(numbers < 0, "is a time before 1970; give it as 0 or later")
    unit = how.unit or _guessed_unit(column, numbers)
    source = "as --time_unit says" if how.unit else "by their size; --time_unit names another"
    words = f"unix {_WORDS[unit]} ({source})"
    scale = _PER_MILLISECOND.get(unit)
    if scale is not None:
        words += ", written as milliseconds"
        is_whole = numbers.dtype.kind == "i" and not (numbers % scale).any()
        numbers, unit = numbers // scale if is_whole else numbers / scale, "ms"
    latest = _LATEST * (1 if unit == "s" else 1000)
    column.refuse(
        numbers > latest, f"is no time in {_WORDS[how.unit or unit]}, but of a far future"
    )
    if numbers.dtype.kind == "f" and not (numbers % 1).any():
        numbers = numbers.astype(np.int64)
    middle = float(np.median(numbers)) / (1 if unit == "s" else 1000) if len(numbers) else 0
    return Times(numbers, unit, words, offset_at(middle, zone))


def _guessed_unit(column: Column, numbers: np.ndarray) -> str:
    """Return the unit of most of the numbers, and refuse those of another size."""
    middle = float(np.median(numbers)) if len(numbers) else 1e9
    known = [unit for unit, smallest in SMALLEST.items() if smallest <= middle]
    if not known:
        days = ", or days, --time_format=%Y%m%d" if 19e6 < middle < 22e6 else ""
        raise column.refusal(
            int(np.argmin(np.abs(numbers - middle))),
            "is too small for a time since 1970; if it is one, or numbers the steps, say "
            f"--time_unit=s{days}",
        )
    unit = known[-1]
    smallest = SMALLEST[unit]
    column.refuse(
        (numbers < smallest) | (numbers >= 1000 * smallest),
        f"is no time in {_WORDS[unit]}, which most rows have; mend it, or say --time_unit",
    )
    return unit
