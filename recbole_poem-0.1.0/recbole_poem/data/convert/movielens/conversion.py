"""From the files of MovieLens to atomic files, with the columns of RecBole's ml-100k."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd

from recbole_poem.core.files import writing_into
from recbole_poem.core.times import span_in_words
from recbole_poem.data.convert.movielens.described import movies, types_of_movies, users
from recbole_poem.data.convert.movielens.forms import Found, find
from recbole_poem.data.convert.movielens.ratings import kept, repeating
from recbole_poem.data.convert.reading import progress
from recbole_poem.data.convert.writing import AtomicFiles

INTER = {"user_id": "token", "item_id": "token", "rating": "float", "timestamp": "float"}
USER = {
    "user_id": "token", "age": "token", "gender": "token", "occupation": "token",
    "zip_code": "token",
}  # fmt: skip

_ID = {"user": "user_id", "item": "item_id"}
_WORD = {"user": "users", "item": "movies"}


def convert(source: Path, output: Path) -> str:
    """Convert MovieLens: ML-100K, ML-1M, ML-10M, ML-20M, ML-25M, ML-32M or one of their form.

    Parameters
    ----------
    source : Path
        The folder of the published files, maybe packed (``.gz``): ratings and movies, and users
        where the set has them.
    output : Path
        The folder to write, named like the data set.

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with a file; nothing is written then.
    """
    found = find(source)
    kinds = {"inter": INTER, "item": types_of_movies(found.form)}
    if found.users is not None:
        kinds["user"] = USER
    with writing_into(output):
        output.mkdir(parents=True, exist_ok=True)
    with AtomicFiles(output, kinds) as files, progress(found.paths) as bar:
        return "\n".join(_written(found, files, output, bar))


def _written(found: Found, files: AtomicFiles, output: Path, bar: Any) -> List[str]:
    """Write all rows, and return the summary."""
    form, notes, summary = found.form, [f"read as {found.form.sets}"], _Summary()
    dropped = repeating(found.ratings, form, output, bar)
    for part in kept(found.ratings, form, dropped, bar):
        files.write("inter", part)
        summary.add(part)
    described = {"item": movies(found.movies, form, notes, bar)}
    if found.users is not None:
        described["user"] = users(found.users, form, notes, bar)
    for kind, rows in described.items():
        files.write(kind, rows)
        notes += summary.without(kind, rows.iloc[:, 0].to_numpy(np.int64))
    if len(dropped):
        notes.append(f"dropped {len(dropped):,} rows that repeat an earlier (user, movie, time)")
    return [*summary.words(), *notes]


class _Summary:
    """Counts the ratings that are written."""

    def __init__(self) -> None:
        self._rows = 0
        self._ids: Dict[str, np.ndarray] = {kind: np.zeros(0, np.int64) for kind in _ID}
        self._times: List[float] = []
        self._ratings: List[float] = []

    def add(self, rows: pd.DataFrame) -> None:
        """Count rows of ``.inter``."""
        if not len(rows):
            return
        self._rows += len(rows)
        for kind, field in _ID.items():
            self._ids[kind] = np.union1d(self._ids[kind], rows[field].to_numpy(np.int64))
        values = (rows["timestamp"], pd.to_numeric(rows["rating"]))
        for known, found in zip((self._times, self._ratings), values):
            both = [*known, found.min(), found.max()]
            known[:] = [min(both), max(both)]

    def without(self, kind: str, known: np.ndarray) -> List[str]:
        """Say how many of those who have ratings are not described."""
        number = len(np.setdiff1d(self._ids[kind], known))
        return [f"{number:,} {_WORD[kind]} with ratings are not in .{kind}"] if number else []

    def words(self) -> List[str]:
        """Return what was counted, a fact a line."""
        low, high = self._ratings
        return [
            f"{self._rows:,} ratings, {len(self._ids['user']):,} users, {len(self._ids['item']):,} "
            "movies",
            f"{span_in_words(np.array(self._times), 's')} UTC",
            f"ratings from {low:g} to {high:g}",
        ]
