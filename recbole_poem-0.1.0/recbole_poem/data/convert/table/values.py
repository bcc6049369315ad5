"""The values of a column: what is missing, ids as text, numbers as numbers, nothing in between."""

import re
from datetime import date, time, timedelta
from typing import Any, List, NamedTuple

import numpy as np
import pandas as pd

from recbole_poem.core.atomic import NO_NUMBER, quoted
from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_whole_type
from recbole_poem.data.convert.table.source import Table

_PLAIN = set("0123456789.+-eE ")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_TRUTH = {"true": 1.0, "false": 0.0}
#: what an atomic file cannot hold: its own separators, NUL, halves of characters
_UNHOLDABLE = re.compile("[\t\r\n\0\ud800-\udfff]")
_DIGITS = 19  # fewer fit into 64 bits
_EXACT = 2**53  # whole numbers up to it are exact in double precision
_LARGEST = float(np.finfo(np.float32).max)  # models read single precision


def missing(values: pd.Series) -> np.ndarray:
    """Mark the values that are none: None, NaN, and the empty text; (R,) bool."""
    found = values.isna()
    if values.dtype == object:
        found |= values == ""
    return found.to_numpy(bool)


def is_text(values: pd.Series) -> bool:
    """Tell whether the values of a column, some of them maybe missing, are text."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return pd.api.types.is_string_dtype(values.cat.categories.dtype)
    return values.dtype == object or pd.api.types.is_string_dtype(values.dtype)


class Ids(NamedTuple):
    """The ids of a column.

    Attributes
    ----------
    codes : (R,) int64
        Places in `tokens`.
    tokens : (n,) object
        Texts, in the order in which they come.
    note : str
        What was reinterpreted, maybe nothing.
    """

    codes: np.ndarray
    tokens: np.ndarray
    note: str


def ids_of(values: pd.Series, table: Table, what: str) -> Ids:
    """Return ids as the text that they are: ``007`` stays ``007``.

    Parameters
    ----------
    values : (R,) Series
        None of them missing; its index is the number of the row in `table`.
    what : str
        What they are the ids of.

    Raises
    ------
    InputError
        Naming the row: no text and no whole number, or a text that an atomic file cannot hold.
    """
    codes, found = pd.factorize(values)
    note = ""
    tokens: List[str] = []
    for code, value in enumerate(np.asarray(found, dtype=object)):
        kind = type(value)
        if kind is str and not _UNHOLDABLE.search(value):
            tokens.append(value)
        elif is_whole_type(kind):
            tokens.append(str(value))
        elif isinstance(value, (float, np.floating)) and _is_whole(value):
            tokens.append(str(int(value)))
            note = f"column {values.name} holds fractions such as {value}, read as {tokens[-1]}"
        else:
            row = values.index[int(np.argmax(codes == code))]
            raise InputError(f"{table.place(row)}: column '{values.name}': {_no_id(value, what)}")
    unique, place = np.unique(np.array(tokens, dtype=object), return_inverse=True)
    if len(unique) < len(tokens):  # 7 and '7' in one column of a frame
        _, first = np.unique(place, return_index=True)
        order = np.argsort(np.argsort(first))
        return Ids(order[place][codes], unique[np.argsort(first)], note)
    return Ids(codes.astype(np.int64), np.array(tokens, dtype=object), note)


def _is_whole(value: Any) -> bool:
    return float(value).is_integer() and abs(value) <= _EXACT


def _no_id(value: Any, what: str) -> str:
    if isinstance(value, str):
        return (
            f"the {what} {value!r} holds a tab, the end of a line or NUL, which an atomic file "
            "cannot; take it out"
        )
    return f"expected a text or a whole number as the {what}, not {value!r}"


def numbers_of(values: pd.Series, table: Table) -> np.ndarray:
    """Return numbers as float64, NaN where a value is missing; true and false are 1 and 0.

    Parameters
    ----------
    values : (R,) Series
        Its index is the number of the row in `table`.

    Raises
    ------
    InputError
        Naming the first row with something else, with a number that is not finite or that single
        precision cannot hold.
    """
    if is_text(values):
        found = _of_texts(values.astype(object), table)
    elif pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        found = values.to_numpy(np.float64, na_value=np.nan)
    else:
        row = values.index[0]
        raise InputError(
            f"{table.place(row)}: column '{values.name}' holds {values.dtype}, and no numbers"
        )
    is_whole = (found % 1 == 0) & (np.abs(found) < _LARGEST)
    wrong = np.flatnonzero(np.where(is_whole, np.abs(found) >= _EXACT, np.abs(found) > _LARGEST))
    if len(wrong):
        where = f"{table.place(values.index[wrong[0]])}: column '{values.name}'"
        raise InputError(
            f"{where}: {values.iloc[wrong[0]]} has more digits than a number of an atomic file "
            "holds; write it in a coarser unit"
        )
    return found


def _of_texts(values: pd.Series, table: Table) -> np.ndarray:
    """Return the numbers of objects: texts, truth values, numbers."""
    gap = missing(values) | values.isin(NO_NUMBER).to_numpy(bool)
    known = values[~gap]
    found = np.full(len(values), np.nan)
    texts = [value if type(value) is str else str(value) for value in known]
    if {text.lower() for text in set(texts)} <= set(_TRUTH):
        found[~gap] = [_TRUTH[text.lower()] for text in texts]
        return found
    plain = plain_numbers(texts)
    if plain is None:
        wrong = next(n for n, text in enumerate(texts) if not _NUMBER.fullmatch(text))
        raise InputError(
            f"{table.place(known.index[wrong])}: column '{values.name}': {quoted(texts[wrong])} "
            "is no number; mend it, write 1.5 for 1,5 and 1000 for 1,000"
        )
    found[~gap] = plain
    return found


def plain_numbers(texts: List[str]) -> Any:
    """Return texts as numbers, (R,) int64 where all are whole, else float64; None if one is none.

    A number has digits, a dot and an exponent; what Python takes beside, such as ``1_000`` and
    ``nan``, is none.
    """
    signs = set("".join(texts))
    if not signs <= _PLAIN or "" in texts:
        return None
    if signs <= set("0123456789") and max(map(len, texts), default=0) < _DIGITS:
        return np.fromiter(map(int, texts), np.int64, len(texts))
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return None


def is_moment(value: Any) -> bool:
    """Tell whether a value is a day or a moment of Python, numpy or pandas."""
    return isinstance(value, (date, np.datetime64)) and not isinstance(value, (time, timedelta))
