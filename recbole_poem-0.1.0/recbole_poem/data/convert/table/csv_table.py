"""Tables in CSV: by RFC 4180, with any separator; lines may end in between quotes."""

import csv
import io
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.reading import opened
from recbole_poem.data.convert.table.separators import (
    UNIT,
    dialect,
    fields_of,
    given_separator,
    guessed_separator,
    in_words,
    readable,
)
from recbole_poem.data.convert.table.source import Reading
from recbole_poem.data.convert.table.text_files import encoding_of, undecodable

_GUESSED_FROM = 20  # lines
_AT_ONCE = 1 << 13  # rows; more are slower, as Python then looks for cycles among them


class CsvTable:
    """A file of CSV, maybe packed (``.gz``), whose header has been read.

    Parameters
    ----------
    path : Path
    reading : Reading

    Raises
    ------
    InputError
        If it cannot be read, its separator cannot be told, or its header is none.
    """

    def __init__(self, path: Path, reading: Reading) -> None:
        self.name, self.paths, self._path = str(path), [path], path
        self._encoding = encoding_of(reading.encoding)
        self._has_header = reading.names is None
        lines = self._first_lines()
        is_given = reading.separator is not None
        self._separator = (
            given_separator(str(reading.separator)) if is_given else guessed_separator(path, lines)
        )
        source = "as --separator says" if is_given else "guessed; --separator names another"
        self.note = f"columns are separated by {in_words(self._separator)} ({source})"
        self.columns = reading.names or self._header(lines[0])
        found = len(fields_of(lines[0], self._separator))
        if found != len(self.columns):
            raise InputError(
                f"{path}: line 1 has {found} fields, and {len(self.columns)} columns are named"
            )

    def read(self, names: Sequence[str], bar: Any = None) -> pd.DataFrame:
        """Return some columns as text; see `Table.read`.

        Raises
        ------
        InputError
            Naming the line: other fields than the header has, a quote that opens or closes where
            it cannot, bytes that are no text in the encoding.
        """
        columns: Dict[str, List[str]] = {name: [] for name in names}
        chosen = {name: itemgetter(self.columns.index(name)) for name in names}
        with self._rows(bar) as rows:
            while True:
                try:
                    block = list(islice(rows, _AT_ONCE))
                except csv.Error as error:
                    raise self._unreadable() from error
                except UnicodeError as error:
                    raise undecodable(self._path, self._encoding) from error
                if not block:
                    break
                lengths = np.fromiter(map(len, block), np.int64, len(block))
                if (lengths != len(self.columns)).any():
                    block = self._without_blank(block, lengths)
                for name, field in chosen.items():
                    columns[name] += map(field, block)
        return pd.DataFrame(columns, dtype=object)

    def place(self, row: int) -> str:
        """Say on which line a row begins."""
        return f"{self._path}, line {self._line_of(row)}"

    def _first_lines(self) -> List[str]:
        with self._text(None) as text:
            try:
                lines = [line.rstrip("\r\n") for line in islice(text, _GUESSED_FROM)]
            except UnicodeError as error:
                raise undecodable(self._path, self._encoding) from error
        if not lines or not lines[0].strip():
            what = "the file is empty" if not lines else "line 1 is empty"
            needed = "name the columns, as user,item,time" if self._has_header else "hold rows"
            raise InputError(f"{self._path}: {what}; it has to {needed}")
        return lines

    def _header(self, line: str) -> List[str]:
        fields = fields_of(line, self._separator)
        # frames that are written with their index have a first column without a name
        names = [name or f"unnamed column {place}" for place, name in enumerate(fields, 1)]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise InputError(f"{self._path}: line 1: column '{name}' is there twice")
        if all(name.replace(".", "").replace("-", "").isdecimal() for name in names):
            raise InputError(
                f"{self._path}: line 1 names no columns: '{line[:80]}'; name them with --columns, "
                "such as --columns=user,item,time"
            )
        return names

    @contextmanager
    def _text(self, bar: Any) -> Iterator[Any]:
        with opened(self._path, bar) as stream, io.TextIOWrapper(
            stream, encoding=self._encoding, newline=""
        ) as text:
            yield text

    @contextmanager
    def _rows(self, bar: Any) -> Iterator[Any]:
        """Open the rows behind the header; what comes is a ``csv.reader``."""
        with self._text(bar) as text:
            lines = text if len(self._separator) == 1 else map(self._readable, text)
            reader = csv.reader(lines, strict=True, **dialect(self._separator))
            if self._has_header:
                next(reader)
            yield reader

    def _readable(self, line: str) -> str:
        if UNIT in line:
            raise InputError(
                f"{self._path}: the character 0x1f cannot stand beside the separator "
                f"'{self._separator}': '{line[:60]}'"
            )
        return readable(line, self._separator)

    def _numbered(self) -> Iterator[Tuple[int, List[str]]]:
        """Yield each row that is not blank with its first line, one at a time."""
        with self._rows(None) as rows:
            end = rows.line_num
            for row in rows:
                if row:
                    yield end + 1, row
                end = rows.line_num

    def _line_of(self, row: int) -> int:
        return next(islice(self._numbered(), row, None))[0]

    def _unreadable(self) -> InputError:
        """Return the error that names the first line which the parser cannot read."""
        end, words = 1, ""
        with self._rows(None) as rows:
            try:
                end = rows.line_num
                for _ in rows:
                    end = rows.line_num
            except csv.Error as error:
                words = str(error)
        return InputError(
            f"{self._path}, line {end + 1}: a quote opens or closes where it cannot ({words}); "
            "write a quote inside a field twice, and the field between quotes"
        )

    def _without_blank(self, block: List[List[str]], lengths: np.ndarray) -> List[List[str]]:
        """Return the rows less those of blank lines, or refuse one of another length."""
        wrong = (lengths != len(self.columns)) & (lengths > 0)
        if wrong.any():
            line, row = next(
                (line, row) for line, row in self._numbered() if len(row) != len(self.columns)
            )
            count = "1 field" if len(row) == 1 else f"{len(row)} fields"
            known = len(self.columns)
            expected = f"the header has {known}" if self._has_header else f"{known} are named"
            raise InputError(
                f"{self._path}, line {line}: {count}, and {expected}; "
                "put a field that holds the separator between quotes"
            )
        return [row for row in block if row]
