"""What is said of times: how the user says they are written, and what they become."""

from typing import NamedTuple, Optional

import numpy as np
import pandas as pd

from recbole_poem.core.atomic import quoted
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.table.source import Table


class TimeFormat(NamedTuple):
    """How times are written, where the user says it.

    Attributes
    ----------
    unit : str, optional
        Of numbers: ``s``, ``ms``, ``us`` or ``ns`` since 1970.
    format : str, optional
        Of texts, in the words of ``strptime``: ``%d.%m.%Y %H:%M``.
    zone : str, optional
        Of texts without one, and of the users' clocks: ``Europe/Berlin``, ``+08:00``.
    """

    unit: Optional[str] = None
    format: Optional[str] = None
    zone: Optional[str] = None


class Times(NamedTuple):
    """Times as they are written into an atomic file.

    Attributes
    ----------
    values : (R,) int64 or float64
        Since 1970.
    unit : str
        ``s`` or ``ms``, the key ``time_unit``.
    words : str
        How they were read, what was guessed included.
    utc_offset : int, optional
        Seconds that the users' clocks are ahead of UTC, if anything tells.
    """

    values: np.ndarray
    unit: str
    words: str
    utc_offset: Optional[int] = None


class Column:
    """A column of times, which says where one stands that is none."""

    def __init__(self, values: pd.Series, table: Table) -> None:
        self.values, self.table = values, table

    def refusal(self, place: int, words: str) -> InputError:
        """Return the error that says something of a value, by its place."""
        where = self.table.place(self.values.index[place])
        value = quoted(str(self.values.iloc[place]))
        return InputError(f"{where}: column '{self.values.name}': {value} {words}")

    def refuse(self, wrong: np.ndarray, words: str) -> None:
        """Raise the error that says something of the first value that is marked, if one is."""
        places = np.flatnonzero(wrong)
        if len(places):
            raise self.refusal(int(places[0]), words)
