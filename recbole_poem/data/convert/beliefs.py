"""MovieLens Beliefs 2024: ratings, and the lists of predicted ratings that users were shown.

All movies that a user was shown at one time are taken for one list, presumably as they were
published. ``.inter`` has the ratings, ``.cand`` the lists with the production system's scores.
"""

from pathlib import Path
from typing import Any, List, Optional, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import writing_into
from recbole_poem.core.times import span_in_words
from recbole_poem.data.convert.reading import either, progress, some_names
from recbole_poem.data.convert.table.csv_table import CsvTable
from recbole_poem.data.convert.table.events import Events, events_of
from recbole_poem.data.convert.table.naming import Named
from recbole_poem.data.convert.table.source import Reading
from recbole_poem.data.convert.table.times import TimeFormat
from recbole_poem.data.convert.writing import AtomicFiles

RATINGS, LISTS, MOVIES = "user_rating_history", "user_recommendation_history", "movies"
_FIELDS = {"user": "userId", "item": "movieId", "time": "timestamp"}
INTER = {"userId": "token", "movieId": "token", "timestamp": "float", "rating": "float"}
ITEM = {"movieId": "token", "title": "token", "genres": "token_seq"}
CAND = {
    "userId": "token", "timestamp": "float", "movieId": "token", "predictedRating": "float",
}  # fmt: skip


def convert(source: Path, output: Path, time_unit: Optional[str] = None) -> str:
    """Convert MovieLens Beliefs.

    Parameters
    ----------
    source : Path
        The folder of ``user_rating_history.csv`` and ``user_recommendation_history.csv`` (or
        ``.csv.gz``); ``movies.csv`` is read where it is there.
    output : Path
        The folder to write, named like the data set.
    time_unit : str, optional
        Of the column ``tstamp`` of the lists, ``s``, ``ms``, ``us`` or ``ns``; told by the size of
        its numbers otherwise, and ISO 8601 is read as well.

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with a file; nothing is written then.
    """
    if not source.is_dir():
        raise InputError(f"--source: there is no folder {source}")
    paths = [_path(source, RATINGS), _path(source, LISTS)]
    movies = _path(source, MOVIES, is_needed=False)
    with progress([path for path in (*paths, movies) if path is not None]) as bar:
        ratings = _events(paths[0], ("timestamp", "tstamp"), "rating", None, bar)
        lists = _events(paths[1], ("tstamp", "timestamp"), "predictedRating", time_unit, bar)
        items = _movies(movies, bar)
    unit = "ms" if "ms" in (ratings.times.unit, lists.times.unit) else "s"
    rows, candidates = _in_unit(ratings, unit), _in_unit(lists, unit)
    scored, notes = _once(candidates)
    kinds = {"inter": INTER, "cand": CAND, **({} if items is None else {"item": ITEM})}
    with writing_into(output):
        output.mkdir(parents=True, exist_ok=True)
    with AtomicFiles(output, kinds) as files:
        files.write("inter", rows)
        files.write("cand", scored)
        if items is not None:
            files.write("item", items)
    return "\n".join(_summary(ratings, lists, rows, scored, unit) + notes)


def _path(source: Path, name: str, is_needed: bool = True) -> Any:
    path = either(source, f"{name}.csv", f"{name}.csv.gz")
    if path is None and is_needed:
        raise InputError(
            f"{source}: there is no {name}.csv (or .gz) in it; it holds {some_names(source)}"
        )
    return path


def _events(
    path: Path, times: Tuple[str, str], number: str, unit: Optional[str], bar: Any
) -> Events:
    table = CsvTable(path, Reading(","))
    time = next((name for name in times if name in table.columns), times[0])
    for name in ("userId", "movieId", time, number):
        if name not in table.columns:
            raise InputError(
                f"{path}: there is no column '{name}' (it has {', '.join(table.columns)})"
            )
    named = Named("userId", "movieId", time, [number], [], [])
    return events_of(table, named, TimeFormat(unit), False, False, bar)


def _in_unit(events: Events, unit: str) -> pd.DataFrame:
    """Return events with their times in a unit, seconds or milliseconds."""
    rows = events.frame(_FIELDS)
    if events.times.unit != unit:
        rows["timestamp"] *= 1000
    return rows


def _once(lists: pd.DataFrame) -> Tuple[pd.DataFrame, List[str]]:
    """Return the candidates of the lists, each once and with a score; and words on the others."""
    notes = []
    known = lists[lists["predictedRating"].notna()]
    once = known.drop_duplicates(["userId", "timestamp", "movieId"])
    for number, words in (
        (len(lists) - len(known), "have no predictedRating"),
        (len(known) - len(once), "repeat a movie of their list with another score"),
    ):
        if number:
            notes.append(f"left out: {number:,} candidates that {words}")
    if not len(once):
        raise InputError(f"{LISTS}: no candidate has a predictedRating")
    return once, notes


def _movies(path: Optional[Path], bar: Any) -> Optional[pd.DataFrame]:
    """Return the rows of ``.item``."""
    if path is None:
        return None
    table = CsvTable(path, Reading(","))
    for name in ITEM:
        if name not in table.columns:
            raise InputError(f"{path}: there is no column '{name}'")
    rows = table.read(list(ITEM), bar).drop_duplicates("movieId")
    title = rows["title"].str.replace("[\t\r\n\0]+", " ", regex=True)
    genres = rows["genres"].str.replace("(no genres listed)", "", regex=False)
    genres = genres.str.replace(r"\s+", "_", regex=True).str.replace("|", " ", regex=False)
    return rows.assign(title=title, genres=genres)


def _summary(
    ratings: Events, lists: Events, rows: pd.DataFrame, scored: pd.DataFrame, unit: str
) -> List[str]:
    size = scored.groupby(["userId", "timestamp"], observed=True).size()
    both = set(rows["userId"].unique()) & set(scored["userId"].unique())
    values = (rows["rating"], scored["predictedRating"])
    spans = [f"{each.name} from {each.min():g} to {each.max():g}" for each in values]
    return [
        f"{len(rows):,} ratings, {rows['userId'].nunique():,} users, {rows['movieId'].nunique():,} "
        "movies",
        f"ratings {span_in_words(rows['timestamp'].to_numpy(np.float64), unit)} UTC",
        f"lists {span_in_words(scored['timestamp'].to_numpy(np.float64), unit)} UTC: {len(size):,} "
        f"of {scored['userId'].nunique():,} users, {size.mean():.1f} movies each; {len(both):,} "
        "users have both",
        f"tstamp of the lists: {lists.times.words}; times are written in {unit}",
        ", ".join(spans),
        *ratings.notes,
        *lists.notes,
    ]
