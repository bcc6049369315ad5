"""By what the fields of a line are separated, as its first lines tell."""

import csv
from pathlib import Path
from typing import Any, Dict, List

from recbole_poem.core.errors import InputError

#: separator -> its name, in the order in which they are looked for
_KNOWN = {"\t": "a tab", ",": "','", ";": "';'", "|": "'|'", "::": "'::'"}
#: what a shell hands over for a character that is hard to write
_SPELT = {"\\t": "\t", "tab": "\t", "blank": " "}
#: stands for a separator of several characters, which the parser cannot take
UNIT = "\x1f"


def given_separator(text: str) -> str:
    """Return a separator as it stands in the file.

    Raises
    ------
    InputError
        If it is empty, a quote or the end of a line.
    """
    found = _SPELT.get(text, text)
    if not found or any(sign in found for sign in '"\r\n\0'):
        raise InputError(f"--separator: expected a character such as ';' or tab, not {text!r}")
    return found


def in_words(separator: str) -> str:
    """Return the name of a separator."""
    return "a blank" if separator == " " else _KNOWN.get(separator, f"'{separator}'")


def guessed_separator(path: Path, lines: List[str]) -> str:
    """Return what the first lines of a file are separated by.

    The header has several fields, and the lines behind it as many. Of two separators that do so
    the one that makes more fields is taken.

    Raises
    ------
    InputError
        If there is none, or two make equally many fields.
    """
    fits = _fitting(lines) or _fitting(lines[:1])  # lines may end in between quotes
    if not fits:
        raise InputError(
            f"{path}: line 1: '{lines[0][:80]}' is one column; name what separates the columns "
            "with --separator"
        )
    most = max(fits.values())
    best = [separator for separator, n in fits.items() if n == most]
    if len(best) > 1:
        words = " and ".join(map(in_words, best))
        raise InputError(
            f"{path}: line 1: {words} may separate the columns; name one with --separator"
        )
    return best[0]


def _fitting(lines: List[str]) -> Dict[str, int]:
    """Return the separators under which all lines have the same number of fields, from two on."""
    counts = {separator: _fields(lines, separator) for separator in _KNOWN}
    fits = {separator: n for separator, n in counts.items() if n > 1}
    n_by_blanks = _fields(lines, " ")
    return fits or ({" ": n_by_blanks} if n_by_blanks > 1 else {})


def _fields(lines: List[str], separator: str) -> int:
    """Return the fields that all lines have, 0 if they differ."""
    counts = {len(fields_of(line, separator)) for line in lines if line}
    return counts.pop() if len(counts) == 1 else 0


def fields_of(line: str, separator: str) -> List[str]:
    """Return the fields of one line; one that a quote leaves open ends with it."""
    return next(csv.reader([readable(line, separator)], **dialect(separator)), [])


def readable(line: str, separator: str) -> str:
    """Return a line with a separator of one character."""
    return line if len(separator) == 1 else line.replace(separator, UNIT)


def dialect(separator: str) -> Dict[str, Any]:
    """Return what ``csv.reader`` is told; a separator of several characters knows no quotes."""
    if len(separator) > 1:
        return {"delimiter": UNIT, "quoting": csv.QUOTE_NONE}
    return {"delimiter": separator}
