"""Times as people write them, to numbers since 1970: unix times, ISO 8601, dates, moments.

What a file does not say is guessed where only one reading makes sense, and the guess is told: the
unit of a number by its size, the zone of a time without one as UTC. Everything else is refused.
"""

import re
from datetime import timedelta, tzinfo
from typing import Any, Dict, List, Optional

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.table.source import Table
from recbole_poem.data.convert.table.time_kinds import Column, TimeFormat, Times
from recbole_poem.data.convert.table.unix_times import SMALLEST, unix_times
from recbole_poem.data.convert.table.values import is_moment, is_text, plain_numbers
from recbole_poem.data.convert.table.zones import localised, offset_at, zone_named

_DATE = "2020-01-31"
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ZONE = re.compile(r"(?:[Zz]|[+-]\d\d:?(?:\d\d)?)$")
_ZONELESS = set("0123456789:.T ")
_NS = 10**9


def times_of(values: pd.Series, table: Table, how: TimeFormat) -> Times:
    """Read the times of a column.

    Parameters
    ----------
    values : (R,) Series
        None of them missing; its index is the number of the row in `table`.
    table : Table
    how : TimeFormat

    Raises
    ------
    InputError
        Naming the row with a value that is no time, or not in the unit of the others; and where the
        unit of numbers cannot be told.
    """
    zone = None if how.zone is None else zone_named(how.zone)
    if how.unit is not None and how.unit not in SMALLEST:
        raise InputError(f"--time_unit: expected one of {', '.join(SMALLEST)}, not {how.unit!r}")
    if how.unit is not None and how.format is not None:
        raise InputError("--time_unit and --time_format: times have one form; leave one out")
    column = Column(values, table)
    if how.format is not None and values.dtype.kind in "iu":  # 20231114
        values = values.astype(str)
    if is_text(values):
        texts = values.astype(object)
        if any(type(value) is not str for value in texts):
            values = _as_moments(column, texts)
        elif how.format is not None:
            return _formatted(column, texts, how.format, zone)
        else:
            numbers = plain_numbers(list(texts))
            if numbers is None:
                return _iso(column, texts, how, zone)
            return unix_times(column, numbers, how, zone)
    if how.format is not None:
        raise InputError(f"--time_format: column '{values.name}' holds {values.dtype}, and no text")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _moments(column, values, "moments", zone)
    if pd.api.types.is_numeric_dtype(values.dtype) and values.dtype.kind != "b":
        kind = np.int64 if values.dtype.kind in "iu" else np.float64
        return unix_times(column, values.to_numpy(kind), how, zone)
    raise InputError(f"{table.name}: column '{values.name}' holds {values.dtype}, and no times")


# -- texts ----------------------------------------------------------------------------------------


def _iso(column: Column, texts: pd.Series, how: TimeFormat, zone: Optional[tzinfo]) -> Times:
    """Read texts in ISO 8601."""
    if how.unit is not None:
        parsed = pd.to_numeric(texts, errors="coerce")
        column.refuse(parsed.isna().to_numpy(), "is no number, and --time_unit asks for one")
    texts = _normal(texts)
    tails = pd.Series([text[len(_DATE) :] for text in texts], texts.index, dtype=object)
    heads = {text[: len(_DATE)] for text in texts}
    if not all(map(_DAY.fullmatch, heads)):  # pandas takes years and words such as 'now' as well
        texts = texts.where(texts.str.slice(0, len(_DATE)).str.fullmatch(_DAY), None)
    found = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    if found.isna().any():
        is_number = np.array([plain_numbers([text]) is not None for text in column.values])
        if 2 * is_number.sum() >= len(texts):
            column.refuse(~is_number, "is no time; most rows have unix times")
    column.refuse(
        found.isna().to_numpy(),
        "is no time that can be read; write 2020-01-31 18:30:00 or seconds since 1970, or name "
        "the form with --time_format, such as --time_format='%d.%m.%Y %H:%M'",
    )
    zones: List[Optional[str]] = [None] * len(texts)
    if not set("".join(tails)) <= _ZONELESS:
        zones = [end and end[0] for end in map(_ZONE.search, tails)]
    has_zone = np.array([one is not None for one in zones])
    if has_zone.all():
        return _moments(column, found, "ISO 8601 with zones", zone, _same_offset(set(zones)))
    if has_zone.any() and zone is None:
        place = int(np.argmin(has_zone))
        raise column.refusal(place, "has no zone, and other rows have; say whose it is with --zone")
    what = "dates without a time of day" if not any(tails) else "ISO 8601 without a zone"
    naive = found.dt.tz_localize(None)
    if not has_zone.any():
        return _moments(column, naive, what, zone)
    words = f"ISO 8601, rows without a zone read as those of {how.zone}"
    local, note = localised(naive[~has_zone], zone)
    found[~has_zone] = local.dt.tz_convert("UTC")
    return _moments(column, found, words + note, zone)


def _formatted(column: Column, texts: pd.Series, form: str, zone: Optional[tzinfo]) -> Times:
    """Read texts in a form that the user names."""
    has_zone = "%z" in form
    try:
        found = pd.to_datetime(texts.astype(str), format=form, errors="coerce", utc=has_zone)
    except ValueError as error:
        raise InputError(f"--time_format: {form!r} is no form of a time ({error})") from error
    column.refuse(found.isna().to_numpy(), f"is no time in the form {form}, as --time_format says")
    return _moments(column, found, f"times in the form {form}", zone)


def _normal(texts: pd.Series) -> pd.Series:
    """Return texts without outer blanks, and with Z where they say UTC or GMT."""
    signs = set("".join(texts))
    if any(sign.isspace() for sign in signs):
        texts = pd.Series([text.strip() for text in texts], texts.index, dtype=object)
    if signs & {"U", "G"}:
        texts = texts.str.replace(r"\s?(?:UTC|GMT)$", "Z", regex=True)
    return texts


def _same_offset(ends: Any) -> Optional[int]:
    """Return the offset from UTC, in seconds, if all of some ends of times say the same."""
    if len(ends) != 1 or (end := ends.pop()) in "Zz":
        return None
    digits = end[1:].replace(":", "").ljust(4, "0")
    seconds = 3600 * int(digits[:2]) + 60 * int(digits[2:])
    return -seconds if end[0] == "-" else seconds


# -- moments --------------------------------------------------------------------------------------


def _as_moments(column: Column, values: pd.Series) -> pd.Series:
    """Return objects of Python as moments of pandas, or as numbers."""
    kinds: Dict[bool, List[int]] = {True: [], False: []}
    for place, value in enumerate(values):
        kinds[is_moment(value)].append(place)
    if not kinds[False]:
        try:
            return pd.to_datetime(values)
        except ValueError as error:
            raise InputError(
                f"{column.table.name}: column '{values.name}' mixes moments with and without a "
                f"zone, or goes beyond what 64 bits hold ({error})"
            ) from error
    try:
        return pd.Series(np.array(list(values), dtype=np.float64), values.index, name=values.name)
    except (TypeError, ValueError) as error:
        raise column.refusal(
            (kinds[False] or [0])[0], "is no time, or not of the kind of the others"
        ) from error


def _moments(
    column: Column,
    moments: pd.Series,
    what: str,
    zone: Optional[tzinfo],
    offset: Optional[int] = None,
) -> Times:
    """Return moments as numbers: seconds where all are whole, else milliseconds."""
    words = what
    if moments.dt.tz is None:
        name = "UTC; --zone names another" if zone is None else f"those of {zone}"
        words = f"{what}, read as {name}"
        moments, note = localised(moments, zone)
        words += note
    elif offset is None and zone is None:
        moment = moments.iloc[len(moments) // 2] if len(moments) else pd.Timestamp(0, tz="UTC")
        offset = int((moment.utcoffset() or timedelta(0)).total_seconds()) or None
    column.refuse(
        moments.isna().to_numpy(),
        f"is no time in {zone}: the clocks were put forward over it; mend it",
    )
    ns = (
        moments.dt.tz_convert("UTC")
        .dt.tz_localize(None)
        .to_numpy("datetime64[ns]")
        .astype(np.int64)
    )
    column.refuse(ns < 0, "is a time before 1970, which no data set may have")
    middle = float(np.median(ns)) / _NS if len(ns) else 0
    offset = offset if zone is None else offset_at(middle, zone)
    if not (ns % _NS).any():
        return Times(ns // _NS, "s", words, offset)
    if not (ns % 1_000_000).any():
        return Times(ns // 1_000_000, "ms", f"{words}, written as milliseconds", offset)
    rounded = "; nanoseconds are rounded" if (ns % 1_000).any() else ""
    words += f", written as milliseconds with fractions{rounded}"
    return Times(ns / 1e6, "ms", words, offset)
