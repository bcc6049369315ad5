"""Ratings of MovieLens, part by part: four numbers a line, with one of three separators."""

import codecs
import csv
import io
from pathlib import Path
from typing import Any, Iterator, List

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import as_numbers, check_header
from recbole_poem.data.convert.duplicates import DuplicateFinder
from recbole_poem.data.convert.movielens.forms import Form
from recbole_poem.data.convert.reading import header_of, opened

#: the columns, in the order of a row
KINDS = {"user_id": "id", "item_id": "id", "rating": "number", "timestamp": "whole"}
_MOST_STARS = 5
_END = 2**32  # the year 2106
_PART = 1 << 23  # bytes that are in memory at a time
_BLANK = b" \r\n"


def repeating(path: Path, form: Form, folder: Path, bar: Any = None) -> np.ndarray:
    """Check all ratings; return the numbers of those that repeat an earlier one, (D,) ascending.

    A row repeats another one that has its user, movie and time.

    Parameters
    ----------
    path : Path
    form : Form
    folder : Path
        Where temporary files may lie: 24 bytes a row.
    bar : optional
        A bar of bytes to move on.

    Raises
    ------
    InputError
        For whatever is wrong with the file, and if there is no rating.
    """
    n_rows = 0
    with DuplicateFinder(folder) as finder:
        for part in ratings(path, form, bar):
            user, item, time = (
                part[name].to_numpy() for name in ("user_id", "item_id", "timestamp")
            )
            finder.add(np.arange(n_rows, n_rows + len(part)), user, item, time)
            n_rows += len(part)
        if not n_rows:
            raise InputError(f"{path}: there is no rating in it")
        return finder.repeating()


def kept(path: Path, form: Form, dropped: np.ndarray, bar: Any = None) -> Iterator[pd.DataFrame]:
    """Yield the ratings in parts, less those whose numbers are `dropped`, (D,) ascending."""
    n_rows = 0
    for part in ratings(path, form, bar):
        begin, end = np.searchsorted(dropped, [n_rows, n_rows + len(part)])
        chosen = np.ones(len(part), dtype=bool)
        chosen[dropped[begin:end] - n_rows] = False
        n_rows += len(part)
        yield part[chosen]


def ratings(path: Path, form: Form, bar: Any = None) -> Iterator[pd.DataFrame]:
    """Yield the ratings of a file in parts.

    Yields
    ------
    DataFrame
        The columns of `KINDS`: int64, and ratings as the text that they are.

    Raises
    ------
    InputError
        Naming the line: other than four fields, or a field that is no number of its kind.
    """
    first = 1
    if form.header is not None:
        _check_columns(path, form, form.header)
        first = 2
    with opened(path, bar) as stream:
        for _ in range(1, first):
            stream.readline()
        for lines in _whole_lines(stream):
            if first == 1:  # a header is read without it
                lines = lines.removeprefix(codecs.BOM_UTF8)
            tabbed = lines.replace(form.separator.encode(), b"\t")
            _check_fields(path, tabbed, first)
            yield _checked(path, tabbed, first)
            first += tabbed.count(b"\n")


def _check_columns(path: Path, form: Form, expected: List[str]) -> None:
    """Refuse a header of other columns, or of the same in another order: rows are read by place."""
    header = header_of(path)
    check_header(path, header, expected, f"a file of ratings of {form.sets}")
    if header != expected:
        raise InputError(
            f"{path}, line 1: the columns are {', '.join(header)}; expected the order "
            f"{', '.join(expected)}"
        )


def _whole_lines(stream: Any) -> Iterator[bytes]:
    """Yield the bytes of a stream in parts that end with a line, less blank lines at its end."""
    rest = b""
    while data := stream.read(_PART):
        rest += data
        said = rest[: rest.rfind(b"\n") + 1].rstrip(_BLANK)
        if said:  # blank lines behind it wait for what comes after them
            end = rest.index(b"\n", len(said)) + 1
            yield rest[:end]
            rest = rest[end:]
    if rest.strip(_BLANK):
        yield rest.rstrip(_BLANK) + b"\n"


def _check_fields(path: Path, tabbed: bytes, first: int) -> None:
    """Refuse a line, of those from number `first` on, that has not four fields."""
    characters = np.frombuffer(tabbed, np.uint8)
    end = np.flatnonzero(characters == ord("\n"))
    tabs = np.searchsorted(np.flatnonzero(characters == ord("\t")), end)
    fields = 1 + np.diff(tabs, prepend=0)
    wrong = np.flatnonzero(fields != len(KINDS))
    if len(wrong):
        row = int(wrong[0])
        count = "1 field" if fields[row] == 1 else f"{fields[row]} fields"
        raise InputError(
            f"{path}, line {first + row}: {count}, and a rating has {len(KINDS)}; is the file "
            "damaged or cut short?"
        )


def _check_range(
    path: Path, first: int, name: str, values: pd.Series, most: int, unit: str
) -> None:
    """Refuse a value, of lines from number `first` on, that is not above 0 or beyond `most`."""
    wrong = np.flatnonzero(~((values > 0) & (values <= most)))
    if len(wrong):
        value = values.iloc[wrong[0]]
        raise InputError(
            f"{path}, line {first + wrong[0]}: the {name} is {value:g}; expected {unit} above 0, "
            f"up to {most:,}"
        )


def _checked(path: Path, tabbed: bytes, first: int) -> pd.DataFrame:
    """Return the values of lines, the first of which has the number `first` in the file."""
    values = pd.read_csv(
        io.BytesIO(tabbed),
        sep="\t",
        header=None,
        names=list(KINDS),
        dtype={"rating": str},  # 3 stays 3, and 3.5 stays 3.5
        keep_default_na=False,
        quoting=csv.QUOTE_NONE,
        encoding="latin-1",
        low_memory=False,
    )
    numbers = {name: as_numbers(values[name], kind, path, first) for name, kind in KINDS.items()}
    _check_range(path, first, "rating", numbers["rating"], _MOST_STARS, "stars")
    _check_range(path, first, "timestamp", numbers["timestamp"], _END, "seconds since 1970")
    return pd.DataFrame({**numbers, "rating": values["rating"].str.strip()})
