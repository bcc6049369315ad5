"""A line of CSV as its fields, by RFC 4180, but for one thing: a field ends on its line."""

import re
from typing import List

from recbole_poem.core.errors import InputError

#: a field between quotes, in which a quote is written twice, or one that begins with none
_FIELD = re.compile(r'"((?:[^"]|"")*)"(?!")|([^",][^,]*|(?=,|\Z))')


def split_row(line: str) -> List[str]:
    """Return the fields of a line of CSV.

    A quote inside a field that does not begin with one is a character.

    Parameters
    ----------
    line : str
        Without its end.

    Raises
    ------
    InputError
        For a field whose quotes do not close on the line, or close before its end.
    """
    if '"' not in line:
        return line.split(",")
    fields: List[str] = []
    place = 0
    while place <= len(line):
        found = _FIELD.match(line, place)
        if found is None:
            raise _refusal(f"field {len(fields) + 1} begins with a quote that does not close")
        quoted, bare = found.groups()
        fields.append(bare if quoted is None else quoted.replace('""', '"'))
        place = found.end() + 1
        if place <= len(line) and line[place - 1] != ",":
            raise _refusal(f"field {len(fields)} goes on behind its closing quote")
    return fields


def _refusal(what: str) -> InputError:
    return InputError(
        f"{what} on this line; write a quote of such a field twice, and the field between quotes: "
        '"a ""b"" c"'
    )
