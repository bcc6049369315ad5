"""Atomic files, RecBole's tables in text: one set of rules by which every one of them is read.

The first line names the columns as ``name:type``; every other line is a row. There is no quoting:
a ``"`` is a character. A byte-order mark is skipped; LF, CRLF and CR end a line; blank lines say
nothing. An empty field is missing, and every other token is a token, ``NA`` and ``null`` included.
What cannot be read exactly is refused with the number of its line.
"""

from recbole_poem.core.atomic.header import Column, Format
from recbole_poem.core.atomic.lines import quoted
from recbole_poem.core.atomic.table import NO_NUMBER, AtomicFile, Table

__all__ = ["NO_NUMBER", "AtomicFile", "Column", "Format", "Table", "quoted"]
