"""Movies and users of MovieLens: a line each, with no quotes but in CSV.

Text is UTF-8 where all of a file is, and else latin-1, in which the first sets were written.
"""

import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import LARGEST_ID, as_text, check_header, first_of_each
from recbole_poem.data.convert.movielens.forms import Form
from recbole_poem.data.convert.reading import opened
from recbole_poem.data.convert.table.csv_table import CsvTable
from recbole_poem.data.convert.table.source import Reading

#: the genres of ``u.item``: a 1 or a 0 for each, behind id, title, two dates and an address
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
_BEFORE_GENRES = 5
_MOVIE = ["movieId", "title", "genres"]
_YEAR = re.compile(r"\s*\((\d{4})(?:\s*[-\u2013]\s*(?:\d{4})?\s*)?\)")


class _Rows(NamedTuple):
    """The fields of the lines of a file, and on which line each row stands."""

    path: Path
    fields: List[List[str]]
    lines: List[int]

    def place(self, row: int) -> str:
        """Say where a row stands."""
        return f"{self.path}, line {self.lines[row]}"


def types_of_movies(form: Form) -> Dict[str, str]:
    """Return the columns of ``.item``, named as in RecBole's ml-100k, and their types."""
    named = {"item_id": "token", "movie_title": "token_seq", "release_year": "token"}
    return {**named, form.genres: "token_seq"}


def movies(path: Path, form: Form, notes: List[str], bar: Any = None) -> pd.DataFrame:
    """Read movies: titles without their year, a year or nothing, genres with blanks between.

    Parameters
    ----------
    path : Path
    form : Form
    notes : list of str
        Gets a sentence for the summary where a movie is there twice.
    bar : optional
        A bar of bytes to move on.

    Raises
    ------
    InputError
        Naming the line: other fields than a movie has, an id that is none, a flag that is none.
    """
    if form.described == ",":
        rows = _of_csv(path, form, bar)
    elif form.described == "|":
        rows = _with_genres(_of_lines(path, "|", _BEFORE_GENRES + len(GENRES), "a movie", bar))
    else:
        rows = _of_lines(path, form.described, len(_MOVIE), "a movie", bar)
    table = pd.DataFrame(rows.fields, columns=_MOVIE, dtype=object)
    found = [_YEAR.findall(title) for title in table["title"]]
    title = [_without_year(title) for title in table["title"]]
    genres = table["genres"].str.replace("(no genres listed)", "", regex=False).str.strip()
    genres = genres.str.replace(r"\s+", "_", regex=True).str.replace("|", " ", regex=False)
    columns = {
        "item_id": _ids(table["movieId"], rows),
        "movie_title": as_text(pd.Series(title, dtype=object)),
        "release_year": [years[-1] if years else "" for years in found],
        form.genres: as_text(genres),
    }
    return first_of_each(pd.DataFrame(columns), "item_id", notes, path.name)


def users(path: Path, form: Form, notes: List[str], bar: Any = None) -> pd.DataFrame:
    """Read users, the columns of `form`; see `movies`."""
    rows = _of_lines(path, form.described, len(form.user), "a user", bar)
    table = pd.DataFrame(rows.fields, columns=list(form.user), dtype=object)
    table = table.apply(lambda column: as_text(column).str.strip())
    table["user_id"] = _ids(table["user_id"], rows)
    return first_of_each(table, "user_id", notes, path.name)


def _without_year(title: str) -> str:
    """Return a title without the last year between brackets, which may have words behind it."""
    years = list(_YEAR.finditer(title))
    if not years:
        return title.strip()
    return f"{title[: years[-1].start()]}{title[years[-1].end() :]}".strip()


def _of_lines(path: Path, separator: str, n_fields: int, what: str, bar: Any) -> _Rows:
    with opened(path, bar) as stream:
        content: bytes = stream.read()
    text = content.decode(_encoding(content))
    rows = _Rows(path, [], [])
    for line, found in enumerate(re.split("\r?\n", text), 1):
        if not found.strip():
            continue
        fields = found.split(separator)
        if len(fields) != n_fields:
            count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
            raise InputError(
                f"{path}, line {line}: {count} between '{separator}', and {what} has {n_fields}; "
                "is the file damaged or cut short?"
            )
        rows.fields.append(fields)
        rows.lines.append(line)
    if not rows.fields:
        raise InputError(f"{path}: the file is empty")
    return rows


def _encoding(content: bytes) -> str:
    """Return the encoding of a file: UTF-8 where all of it is, else latin-1."""
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _of_csv(path: Path, form: Form, bar: Any) -> _Rows:
    with opened(path, None) as stream:
        encoding = _encoding(stream.read())
    table = CsvTable(path, Reading(",", encoding))
    check_header(path, table.columns, _MOVIE, f"a file of movies of {form.sets}")
    values = table.read(_MOVIE, bar)
    wrong = np.flatnonzero(~_are_ids(values["movieId"]))
    if len(wrong):  # the lines of a file with quotes are known one by one
        raise _no_id(table.place(int(wrong[0])), values["movieId"].iloc[wrong[0]])
    return _Rows(path, values.to_numpy().tolist(), [])


def _with_genres(rows: _Rows) -> _Rows:
    """Return the rows of ``u.item`` as id, title and genres, which are flags there."""
    fields = []
    for row, (movie, title, *others) in enumerate(rows.fields):
        flags = [flag.strip() for flag in others[_BEFORE_GENRES - 2 :]]
        if not set(flags) <= {"0", "1"}:
            raise InputError(f"{rows.place(row)}: expected 0 or 1 for each genre, found {flags}")
        genres = [genre for genre, flag in zip(GENRES, flags) if flag == "1"]
        fields.append([movie, title, "|".join(genres)])
    return rows._replace(fields=fields)


def _ids(values: pd.Series, rows: _Rows) -> pd.Series:
    wrong = np.flatnonzero(~_are_ids(values))
    if len(wrong):
        raise _no_id(rows.place(int(wrong[0])), values.iloc[wrong[0]])
    return values.astype(np.int64)


def _are_ids(values: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(values, errors="coerce")
    is_id: np.ndarray = ((numbers % 1 == 0) & (numbers >= 0) & (numbers < LARGEST_ID)).to_numpy()
    return is_id


def _no_id(place: str, found: Any) -> InputError:
    return InputError(
        f"{place}: expected a whole number from 0, below {LARGEST_ID}, as the id, found '{found}'"
    )
