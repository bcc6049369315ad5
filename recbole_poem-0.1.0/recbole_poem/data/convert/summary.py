"""What a conversion did, in a few lines."""

from typing import Dict, List

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND

_LATEST = 1e10  # seconds since 1970: the year 2286


class Summary:
    """Counts the rows that are written.

    Parameters
    ----------
    time : str
        The column of the time.
    unit : str
        Of the time: ``s`` or ``ms``.
    feedback : list of str
        Columns of 0 and 1.
    ratio : str
        The column of the play ratio.
    """

    def __init__(self, time: str, unit: str, feedback: List[str], ratio: str) -> None:
        self._time, self._unit, self._ratio = time, unit, ratio
        self._no_ratio = 0
        self.rows = 0
        self._known = dict.fromkeys(feedback, 0)
        self._positive = dict.fromkeys(feedback, 0.0)
        self._seen: Dict[str, np.ndarray] = {
            "user_id": np.zeros(0, dtype=bool),
            "video_id": np.zeros(0, dtype=bool),
        }
        self._first, self._last = np.inf, -np.inf
        #: further sentences
        self.notes: List[str] = []

    def add(self, rows: pd.DataFrame) -> None:
        """Count rows of the log."""
        self.rows += len(rows)
        for field in self._seen:
            self._see(field, rows[field].to_numpy(np.int64))
        for column in self._known:
            self._known[column] += int(rows[column].notna().sum())
            self._positive[column] += float(rows[column].sum())
        self._no_ratio += int(rows[self._ratio].isna().sum())
        time = rows[self._time].to_numpy(np.float64)
        self._first = min(self._first, time.min(initial=np.inf))
        self._last = max(self._last, time.max(initial=-np.inf))

    def _see(self, field: str, ids: np.ndarray) -> None:
        seen = self._seen[field]
        size = int(ids.max(initial=-1)) + 1
        if size > len(seen):
            seen = np.pad(seen, (0, max(size, 2 * len(seen)) - len(seen)))
            self._seen[field] = seen
        seen[ids] = True

    @property
    def users(self) -> int:
        """Return the number of users with a row."""
        return int(self._seen["user_id"].sum())

    @property
    def items(self) -> int:
        """Return the number of items with a row."""
        return int(self._seen["video_id"].sum())

    def text(self) -> str:
        """Return the summary, a fact a line.

        Raises
        ------
        InputError
            If a time is of no age that has videos: it is in another unit.
        """
        lines = [f"{self.rows:,} interactions, {self.users:,} users, {self.items:,} items"]
        if self.rows:
            age = max(abs(self._first), abs(self._last)) / PER_SECOND[self._unit]
            if age > _LATEST:
                raise InputError(
                    f"column '{self._time}': {self._last:.0f} is no time in {self._unit}; write "
                    "it in the unit of the published files"
                )
            # the platform's days are Beijing's
            first, last = (
                pd.Timestamp(time, unit=self._unit, tz="UTC").tz_convert("Asia/Shanghai")
                for time in (self._first, self._last)
            )
            lines.append(f"from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, Beijing time")
        shares = [
            f"{column} {self._positive[column] / self._known[column]:.4f}"
            for column in self._known
            if self._known[column]
        ]
        if shares:
            lines.append("share of each feedback: " + ", ".join(shares))
        if self._no_ratio:
            lines.append(
                f"{self._ratio} is empty in {self._no_ratio:,} rows: their duration is not above 0"
            )
        return "\n".join([*lines, *self.notes])
