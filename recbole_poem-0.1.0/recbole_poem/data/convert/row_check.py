"""Whether every row of a CSV file has as many fields as its header: pandas fills short rows up."""

import csv
from pathlib import Path

import numpy as np

from recbole_poem.core.errors import InputError


class RowCheck:
    """Looks at the bytes of a CSV file as they are read.

    Parameters
    ----------
    path : Path
        For the words of errors.
    n_fields : int
        Of the header.
    separator : str
        Between fields, one character of ASCII.
    """

    def __init__(self, path: Path, n_fields: int, separator: str = ",") -> None:
        self._path, self._n_fields, self._separator = path, n_fields, separator
        self._rest, self._line = b"", 1

    def feed(self, data: bytes) -> None:
        """Check the lines that end in the next bytes of the file; no bytes are its end.

        Raises
        ------
        InputError
            Naming the line: a NUL byte, text that is no UTF-8, a quote that does not close on its
            line, more or fewer fields than the header has.
        """
        content = self._rest + data
        end = content.rfind(b"\n") + 1 if data else len(content)
        lines, self._rest = content[:end], content[end:]
        if lines:
            self._check(lines if lines.endswith(b"\n") else lines + b"\n")

    def _check(self, lines: bytes) -> None:
        characters = np.frombuffer(lines, np.uint8)
        end = np.flatnonzero(characters == ord("\n"))
        begin = np.r_[0, end[:-1] + 1]
        fields = 1 + np.diff(
            np.searchsorted(np.flatnonzero(characters == ord(self._separator)), end), prepend=0
        )
        quotes = np.flatnonzero(characters == ord('"'))
        for place in np.unique(np.searchsorted(end, quotes)):
            fields[place] = self._n_quoted(lines[begin[place] : end[place]], self._line + place)
        self._require_text(lines)
        is_blank = end - begin <= 1  # of CRLF there is the CR
        wrong = np.flatnonzero((fields != self._n_fields) & ~is_blank)
        if len(wrong):
            raise InputError(
                f"{self._path}, line {self._line + wrong[0]}: {fields[wrong[0]]} fields, and the "
                f"header has {self._n_fields}; is the file damaged or cut short?"
            )
        self._line += len(end)

    def _n_quoted(self, line: bytes, number: int) -> int:
        """Return the number of fields of a line with quotes."""
        try:
            text = line.decode("utf-8", "replace")
            return len(next(csv.reader([text], strict=True, delimiter=self._separator)))
        except csv.Error as error:
            raise InputError(
                f"{self._path}, line {number}: a quote opens or closes where it cannot ({error})"
            ) from error

    def _require_text(self, lines: bytes) -> None:
        place = lines.find(b"\0")
        if place >= 0:
            number = self._line + lines.count(b"\n", 0, place)
            raise InputError(f"{self._path}, line {number}: it holds a NUL byte")
        try:
            lines.decode("utf-8")
        except UnicodeDecodeError as error:
            number = self._line + lines.count(b"\n", 0, error.start)
            raise InputError(
                f"{self._path}, line {number}: byte 0x{lines[error.start]:02x} is no UTF-8"
            ) from error
