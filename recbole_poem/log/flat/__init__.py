"""The log on disk: a folder ``<dataset>.flat`` of plain arrays, mapped into memory when read.

The rows stand by user and time, ties in the order of the file. Users, items and other tokens have
numbers from 1, in the order in which the file first names them; 0 is none. A header says what each
array is, of which file it was made, and by which version.
"""

from recbole_poem.log.flat.header import FORMAT_VERSION, Array, Header, StoredColumn
from recbole_poem.log.flat.store import FlatStore, folder_of
from recbole_poem.log.flat.token_ids import TokenIds

__all__ = [
    "FORMAT_VERSION",
    "Array",
    "FlatStore",
    "Header",
    "StoredColumn",
    "TokenIds",
    "folder_of",
]
