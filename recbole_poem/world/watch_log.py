"""A log of watch times, as a world is fitted to it."""

from pathlib import Path
from typing import Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.atomic import AtomicFile, Format
from recbole_poem.core.errors import InputError, nearest
from recbole_poem.world.reactions import LONG_VIEW_SECONDS


class WatchLog(NamedTuple):
    """Exposures of a log.

    Attributes
    ----------
    user, item : (E,) int
        Who watched what, by numbers from 0.
    seconds, duration : (E,) float
        Watched, from 0, and the video's length, above 0.
    others : dict of name to (E,) bool
        Further reactions.
    """

    user: np.ndarray
    item: np.ndarray
    seconds: np.ndarray
    duration: np.ndarray
    others: Mapping[str, np.ndarray]

    @property
    def long_view(self) -> np.ndarray:
        """(E,) bool, by the rule of `recbole_poem.world.reactions`."""
        watched: np.ndarray = self.seconds >= np.minimum(self.duration, LONG_VIEW_SECONDS)
        return watched


class Columns(NamedTuple):
    """Names of the columns of a log.

    Attributes
    ----------
    user, item : str
    play, duration : str
        Watched, and the video's length.
    per_second : float
        Units of both in a second: 1,000 for milliseconds.
    """

    user: str = "user_id"
    item: str = "video_id"
    play: str = "play_time_ms"
    duration: str = "duration_ms"
    per_second: float = 1000.0


def read_watch_log(
    path: Path, columns: Columns, others: Sequence[str]
) -> Tuple[WatchLog, Dict[str, int]]:
    """Read a log from an atomic file.

    Parameters
    ----------
    path : Path
        ``.inter``.
    columns : Columns
    others : sequence of str
        Names of further reactions; the column of ``like`` is ``is_like``, or ``like``. Those that
        the file lacks are left out.

    Returns
    -------
    log : WatchLog
    skipped : dict
        How many rows were left out, by reason; no reason that befell none.

    Raises
    ------
    InputError
        Naming the file and the column, if one is missing or holds no numbers; and the line of a
        watch time below 0.
    """
    file = AtomicFile(path, Format())
    for name in columns[:4]:
        if name not in file.names:
            raise InputError(f"{path}: there is no column '{name}'{nearest(name, file.names)}")
    found = {name: _column_of(name, file.names) for name in others}
    known = {name: column for name, column in found.items() if column is not None}
    frame = file.read([*columns[:4], *known.values()]).frame
    for column in (columns.play, columns.duration, *known.values()):
        if frame[column].dtype.kind != "f":
            raise InputError(f"{path}: column '{column}' holds no numbers; declare it as a float")
    play, duration = (frame[name].to_numpy() for name in (columns.play, columns.duration))
    wrong = np.flatnonzero(play < 0)
    if len(wrong):
        line = frame.index[wrong[0]] + 2
        raise InputError(f"{path}: line {line}: column '{columns.play}' is below 0; mend the row")
    nobody = frame[[columns.user, columns.item]].isna().any(axis=1).to_numpy()
    without = {
        "without a user or a video": nobody,
        "without a watch time": ~nobody & np.isnan(play),
        "without a length above 0": ~nobody & ~np.isnan(play) & ~(duration > 0),
    }
    kept = frame[~np.logical_or.reduce(list(without.values()))]
    user, item = (pd.factorize(kept[name])[0] for name in (columns.user, columns.item))
    seconds, length = (
        kept[name].to_numpy() / columns.per_second for name in (columns.play, columns.duration)
    )
    happened = {name: kept[column].to_numpy() > 0 for name, column in known.items()}
    skipped = {reason: int(rows.sum()) for reason, rows in without.items() if rows.any()}
    return WatchLog(user, item, seconds, length, happened), skipped


def _column_of(reaction: str, names: Sequence[str]) -> Optional[str]:
    return next((name for name in (f"is_{reaction}", reaction) if name in names), None)
