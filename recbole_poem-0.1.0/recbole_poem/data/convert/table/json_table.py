"""Tables in JSON lines: an object a line, its keys the columns."""

import io
import json
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.reading import opened
from recbole_poem.data.convert.table.source import Reading
from recbole_poem.data.convert.table.text_files import encoding_of, undecodable

_NAMED_BY = 100  # lines that tell the columns


class JsonTable:
    """A file of JSON lines, maybe packed (``.gz``); its first lines tell the columns.

    Numbers are kept as they are written, so that an id is what it was.

    Parameters
    ----------
    path : Path
    reading : Reading
        Its encoding alone.

    Raises
    ------
    InputError
        If it cannot be read, is empty, or holds no objects.
    """

    def __init__(self, path: Path, reading: Reading) -> None:
        self.name, self.paths, self.note, self._path = str(path), [path], "", path
        self._encoding = encoding_of(reading.encoding)
        if reading.names is not None or reading.separator is not None:
            raise InputError(
                f"{path}: JSON lines have their columns in every line; leave --columns and "
                "--separator out"
            )
        names: Dict[str, None] = {}
        for _, row in islice(self._rows(), _NAMED_BY):
            names.update(dict.fromkeys(row))
        if not names:
            raise InputError(f"{path}: the file is empty; write an object a line")
        self.columns = list(names)

    def read(self, names: Sequence[str], bar: Any = None) -> pd.DataFrame:
        """Return some columns, numbers and texts as text; see `Table.read`.

        Raises
        ------
        InputError
            Naming the line: no JSON, no object, a key that is there twice, a list or an object as
            a value.
        """
        columns: Dict[str, List[Any]] = {name: [] for name in names}
        for number, row in self._rows(bar):
            for name, values in columns.items():
                value = row.get(name)
                if isinstance(value, (list, dict)):
                    raise InputError(
                        f"{self._path}, line {number}: '{name}' is a list or an object, and a "
                        "column holds one value a row"
                    )
                values.append(value)
        return pd.DataFrame(columns, dtype=object)

    def place(self, row: int) -> str:
        """Say on which line a row stands."""
        number, _ = next(islice(self._rows(), row, None))
        return f"{self._path}, line {number}"

    def _rows(self, bar: Any = None) -> Iterator[Tuple[int, Dict[str, Any]]]:
        """Yield each object with the number of its line."""
        with self._text(bar) as text:
            try:
                for number, line in enumerate(text, 1):
                    if line.strip():
                        yield number, self._parsed(number, line)
            except UnicodeError as error:
                raise undecodable(self._path, self._encoding) from error

    @contextmanager
    def _text(self, bar: Any) -> Iterator[Any]:
        with opened(self._path, bar) as stream, io.TextIOWrapper(
            stream, encoding=self._encoding
        ) as text:
            yield text

    def _parsed(self, number: int, line: str) -> Dict[str, Any]:
        try:
            found = json.loads(
                line,
                object_pairs_hook=_once,
                parse_int=str,
                parse_float=str,
                parse_constant=lambda name: None,  # NaN, as other programs write a missing number
            )
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self._path}, line {number}: it is no JSON ({error})") from error
        if not isinstance(found, dict):
            raise InputError(
                f"{self._path}, line {number}: expected an object, such as "
                '{"user": "anna", "item": "7", "time": 1700000000}'
            )
        return found


def _once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found
