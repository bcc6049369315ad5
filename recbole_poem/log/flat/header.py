"""What stands in ``header.json`` of a flat store: its columns, its arrays, and where it is from."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.log.flat.tables import Source, StoredTable

FILE = "header.json"
FORMAT = "recbole_poem flat store"
#: goes up with every change that an older reader would misread
FORMAT_VERSION = 1


class Array(NamedTuple):
    """A file of the store, one array in numpy's format.

    Attributes
    ----------
    dtype : str
        As numpy spells it, byte order included.
    length : int
    crc32 : int
        Of the values, without the head of the file.
    bytes : int
        Size of the file.
    """

    dtype: str
    length: int
    crc32: int
    bytes: int


class StoredColumn(NamedTuple):
    """A column of the log.

    Attributes
    ----------
    name : str
    type : str
        ``token`` or ``float``, as in the atomic file.
    values : str
        The file of the numbers (R,), or of the ids of its tokens.
    tokens, order : str, optional
        The files of its tokens by id, padding first, and of the ids in the order of the tokens.
    missing : int
        Rows without a value.
    """

    name: str
    type: str
    values: str
    tokens: Optional[str] = None
    order: Optional[str] = None
    missing: int = 0


@dataclass(frozen=True)
class Header:
    """What a flat store says of itself.

    Attributes
    ----------
    rows : int
        R.
    source : Source
    form : tuple of str
        Separator, separator of sequences and encoding by which the source was read.
    fields : tuple of str
        The columns of users, of items and of times.
    columns : list of StoredColumn
        In the order of the source.
    left_out : list of str
        Columns of the source that hold sequences, which a store does not keep.
    alike : dict
        Column -> kinds of tokens that are written in two ways; see `core.atomic.alike_tokens`.
    arrays : dict
        File -> what it holds.
    tables : dict
        ``user`` and ``item`` -> what the file of that name says of them, where there is one.
    """

    rows: int
    source: Source
    form: Tuple[str, str, str]
    fields: Tuple[str, str, str]
    columns: List[StoredColumn]
    left_out: List[str]
    alike: Dict[str, List[Tuple[str, str, int]]]
    arrays: Dict[str, Array] = field(default_factory=dict)
    tables: Dict[str, StoredTable] = field(default_factory=dict)

    def text(self) -> str:
        """Return the content of the file."""
        whole = asdict(self)
        whole["tables"] = {name: table.as_dict() for name, table in self.tables.items()}
        whole["source"] = self.source._asdict()
        whole["columns"] = [column._asdict() for column in self.columns]
        whole["arrays"] = {name: array._asdict() for name, array in self.arrays.items()}
        head = {"format": FORMAT, "version": FORMAT_VERSION}
        return json.dumps({**head, **whole}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> "Header":
        """Read the header of a store.

        Raises
        ------
        InputError
            If it is missing, damaged, or of another version.
        """
        path = folder / FILE
        try:
            said: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if said.pop("format") != FORMAT:
                raise ValueError(said)
            version = said.pop("version")
            if version != FORMAT_VERSION:
                raise InputError(
                    f"{path}: version {version} of a flat store, and this program reads "
                    f"{FORMAT_VERSION}; make it again with recbole-poem convert flat"
                )
            header = cls(
                rows=said["rows"],
                source=Source(**said["source"]),
                form=tuple(said["form"]),
                fields=tuple(said["fields"]),
                columns=[StoredColumn(**column) for column in said["columns"]],
                left_out=said["left_out"],
                alike={name: [tuple(p) for p in pairs] for name, pairs in said["alike"].items()},
                arrays={name: Array(**array) for name, array in said["arrays"].items()},
                tables={name: StoredTable.of(t) for name, t in said.get("tables", {}).items()},
            )
            header._check()
            return header
        except InputError:
            raise
        except FileNotFoundError as error:
            raise InputError(
                f"{path}: there is none; recbole-poem convert flat makes the store"
            ) from error
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: it is no header of a flat store; make it again with recbole-poem "
                "convert flat"
            ) from error

    def _check(self) -> None:
        """Raise a ValueError or KeyError where its numbers of rows or its files do not fit."""
        columns = [column for table in self.tables.values() for column in table.columns]
        optional = [column.tokens for column in columns] + [column.offsets for column in columns]
        optional += [name for column in self.columns for name in (column.tokens, column.order)]
        optional += [name for table in self.tables.values() for name in (table.tokens, table.order)]
        named = [column.values for column in columns]
        named += [table.place for table in self.tables.values()]
        lacking = {*named, *filter(None, optional)} - set(self.arrays)
        lengths = [(column.values, self.rows) for column in self.columns]
        lengths += [(table.ids, table.rows) for table in self.tables.values()]
        if lacking or any(self.arrays[name].length != rows for name, rows in lengths):
            raise ValueError(lacking)
