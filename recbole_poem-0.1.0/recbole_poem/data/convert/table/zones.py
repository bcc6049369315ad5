"""Time zones: of times that name none, and of the users' clocks."""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Optional, Tuple

import pandas as pd
from zoneinfo import ZoneInfo

from recbole_poem.core.errors import InputError

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def zone_named(name: str) -> tzinfo:
    """Return a zone by its name, ``Europe/Berlin``, or its offset, ``+08:00``.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        sign, hours, minutes = offset.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-ahead if sign == "-" else ahead, name)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"--zone: there is no zone {name!r}; write one such as Europe/Berlin, UTC or +08:00"
        ) from error


def offset_at(seconds: float, zone: Optional[tzinfo]) -> Optional[int]:
    """Return the seconds that the clocks of a zone are ahead of UTC at a time; None without one."""
    if zone is None:
        return None
    ahead = datetime.fromtimestamp(seconds, zone).utcoffset()
    return None if ahead is None else int(ahead.total_seconds())


def localised(moments: pd.Series, zone: Optional[tzinfo]) -> Tuple[pd.Series, str]:
    """Return moments without a zone as those of one, UTC where it is None, and what to say of them.

    Of an hour that the clocks show twice the first is taken. A moment that they skip becomes NaT.
    """
    if zone is None or isinstance(zone, timezone):
        return moments.dt.tz_localize(zone or "UTC"), ""
    first = moments.dt.tz_localize(zone, ambiguous=[True] * len(moments), nonexistent="NaT")
    once = moments.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    n_twice = int((once.isna() & first.notna()).sum())
    note = f"; of {n_twice:,} in an hour that the clocks show twice the first" if n_twice else ""
    return first, note
