"""What a flat store says of a table of users or of items, in its header."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple


class Source(NamedTuple):
    """The file that a part of a store was made of.

    Attributes
    ----------
    file : str
        Its name.
    bytes : int
    mtime_ns : int
        When it was changed.
    crc32 : int
        Of its content.
    """

    file: str
    bytes: int
    mtime_ns: int
    crc32: int


class TableColumn(NamedTuple):
    """A column of a table of T rows, in the order of its file.

    Attributes
    ----------
    name : str
    type : str
        ``token``, ``token_seq`` or ``float``.
    values : str
        The file of its numbers or token numbers (T,), 0 for none; of a sequence, one behind the
        other.
    tokens : str, optional
        The file of its tokens by number, padding first.
    offsets : str, optional
        Where the sequence of each row begins, (T + 1,).
    length : int
        Of the longest sequence, of repeated rows as well; else 1.
    missing : int
        Rows without a number, repeated ones among them.
    """

    name: str
    type: str
    values: str
    tokens: Optional[str] = None
    offsets: Optional[str] = None
    length: int = 1
    missing: int = 0


class StoredTable(NamedTuple):
    """A table of users or items, whose repeated rows and those of nobody are left out.

    Attributes
    ----------
    source : Source
    field : str
        The column that says whose a row is.
    rows, read : int
        T, and rows of the file.
    nameless : tuple of int
        The first lines without a token in `field`.
    n_nameless, n_repeated : int
        Rows that are left out, as they lack it or repeat it.
    names : list of str
        All columns of the file.
    columns : list of TableColumn
        That are stored: all but `field` and sequences of numbers.
    ids, place : str
        Whose each row is, (T,), and the row of each id, (n,), from 1; 0 is none. Ids are those of
        the log; users or items that it lacks come behind.
    tokens, order : str, optional
        Tokens of all ids, and ids in their order, if the log lacks some.
    """

    source: Source
    field: str
    rows: int
    read: int
    nameless: Tuple[int, ...]
    n_nameless: int
    n_repeated: int
    names: List[str]
    columns: List[TableColumn]
    ids: str
    place: str
    tokens: Optional[str] = None
    order: Optional[str] = None

    @property
    def has_strangers(self) -> bool:
        """Whether some rows are of nobody that the log has."""
        return self.tokens is not None

    def as_dict(self) -> Dict[str, Any]:
        """Return it for JSON."""
        columns = [column._asdict() for column in self.columns]
        return {**self._asdict(), "source": self.source._asdict(), "columns": columns}

    @classmethod
    def of(cls, said: Dict[str, Any]) -> "StoredTable":
        """Return it from JSON."""
        columns = [TableColumn(**column) for column in said["columns"]]
        return cls(**{**said, "source": Source(**said["source"]), "columns": columns})
