"""Earlier exposures without times: a derived file of KuaiRand, ``history_events_*_derived``.

It holds a user's exposures before the log in their order, ``pos`` -1 the newest, and of the
feedback ``is_like`` and ``long_view`` alone. The rows need times, to come first and in order: a row
gets the first time of the whole log less ``-pos`` hours. Hours, because nothing is known of the
gaps, and nothing may take the rows for one session. All other columns stay empty: unknown is
neither positive nor negative feedback.
"""

import re
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import COUNT, ID
from recbole_poem.data.convert.reading import chunks, find, stem

HISTORY = {"user_id": ID, "pos": COUNT, "video_id": ID, "is_like": COUNT, "long_view": COUNT}
STEP_MS = 3_600_000


def find_history(folder: Path, logs: List[Path]) -> Path:
    """Return the history file of `folder`, whose days come before those of the logs.

    Raises
    ------
    InputError
        If there is none, or several, or one whose days the logs cover too.
    """
    paths = find(folder, "history_events_*_derived")
    if len(paths) != 1:
        raise InputError(
            f"--history: expected one history_events_*_derived.csv (or .csv.gz) in {folder}, found "
            f"{len(paths)}"
        )
    for log in logs:
        if _days(log)[0] <= _days(paths[0])[1]:
            raise InputError(
                f"--history: {log.name} begins before the end of {paths[0].name}, so that rows "
                "would be there twice; leave out one of them"
            )
    return paths[0]


class History:
    """The rows of a history file.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, start: float, bar: Any = None) -> Iterator[pd.DataFrame]:
        """Yield the rows with times before `start`.

        Parameters
        ----------
        start : float
            The first time of the log, in milliseconds.

        Raises
        ------
        InputError
            For whatever is wrong with the file, and for a ``pos`` that is not below 0.
        """
        for line, part in chunks(self.path, HISTORY, "a history of KuaiRand", bar):
            pos = part["pos"].to_numpy(np.float64, na_value=np.nan)
            wrong = np.flatnonzero(~(pos < 0))
            if len(wrong):
                raise InputError(f"{self.path}, line {line + wrong[0]}: expected 'pos' below 0")
            time = (start + pos * STEP_MS).astype(np.int64)
            yield part.drop(columns="pos").assign(time_ms=time, is_history=1)


def _days(path: Path) -> Tuple[Tuple[int, int], Tuple[int, int]]:
    """Return first and last (month, day) that the name of a file speaks of."""
    match = re.search(r"_(\d+)_(\d+)_to_(\d+)_(\d+)", stem(path))
    if match is None:
        raise InputError(f"{path}: its name does not say from which day to which it goes")
    first_month, first_day, last_month, last_day = (int(number) for number in match.groups())
    return (first_month, first_day), (last_month, last_day)
