"""A flat store that is open: its header, and its arrays as the disk has them."""

import zlib
from pathlib import Path
from typing import Dict, Iterator, Optional, Sequence, Union

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.log.flat.header import Header, StoredColumn
from recbole_poem.log.flat.token_ids import TokenIds

#: the arrays of every store, beside those of its columns
OFFSETS, FIRST, ROW = "user_offsets.npy", "first.npy", "row.npy"
_CHUNK_BYTES = 1 << 26


def folder_of(data_path: Union[str, Path], dataset: str) -> Path:
    """Return where the flat store of a data set is, beside its atomic files."""
    return Path(data_path) / f"{dataset}.flat"


class FlatStore:
    """A log on disk.

    The arrays are mapped copy-on-write: pages come from the disk when they are read, the system
    may drop them again, and nothing that is written to them reaches the disk.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    header : Header

    Raises
    ------
    InputError
        If the header cannot be read, or a file is missing or of another size than it says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.header = folder, Header.read(folder)
        self._columns = {column.name: column for column in self.header.columns}
        for name, array in self.header.arrays.items():
            path = folder / name
            size = path.stat().st_size if path.is_file() else None
            if size != array.bytes:
                found = "is missing" if size is None else f"has {size:,} bytes"
                raise InputError(
                    f"{path} {found}, and the header says {array.bytes:,} bytes; make the store "
                    "again with recbole-poem convert flat"
                )

    @property
    def names(self) -> Dict[str, str]:
        """Return the columns and their types, in the order of the atomic file."""
        return {column.name: column.type for column in self.header.columns}

    def array(self, file: str) -> np.ndarray:
        """Map a file of the store.

        Raises
        ------
        InputError
            If its head is no longer that of an array.
        """
        try:
            return np.asarray(np.load(self.folder / file, mmap_mode="c", allow_pickle=False))
        except (ValueError, EOFError, SyntaxError) as error:
            raise InputError(
                f"{self.folder / file} is damaged: it is no array; make the store again with "
                "recbole-poem convert flat"
            ) from error

    def values(self, name: str) -> np.ndarray:
        """Return a column (R,): numbers in the narrowest type that holds them all, or ids."""
        return self.array(self._columns[name].values)

    def tokens(self, name: str) -> np.ndarray:
        """Return the tokens of a column by their ids, padding first, (n,) str."""
        return self.array(_of_tokens(self._columns[name])[0])

    def token_ids(self, name: str) -> TokenIds:
        """Return the ids of the tokens of a column."""
        tokens, order = _of_tokens(self._columns[name])
        return TokenIds(self.array(tokens), self.array(order))

    @property
    def offsets(self) -> np.ndarray:
        """Return where the rows of each user begin, and R at the end, (U + 1,) int64."""
        return self.array(OFFSETS)

    @property
    def first(self) -> np.ndarray:
        """Return the first row of each row's user, (R,) int64."""
        return self.array(FIRST)

    @property
    def row(self) -> np.ndarray:
        """Return the number of each row in the atomic file, from 0, (R,)."""
        return self.array(ROW)

    def unfit(self, path: Path, table: Optional[str] = None) -> Optional[str]:
        """Say why this store, or its table of a name, is not of an atomic file; None if it is.

        A file of the same size that was touched, or copied, is read once for its checksum.
        """
        source = self.header.source if table is None else self.header.tables[table].source
        status = path.stat()
        if status.st_size != source.bytes:
            return f"{path.name} has {status.st_size:,} bytes, and had {source.bytes:,}"
        if status.st_mtime_ns != source.mtime_ns and crc32_of_file(path) != source.crc32:
            return f"{path.name} has other content than when the store was made"
        return None

    def verify(self, up_to: Optional[int] = None) -> None:
        """Read arrays, and compare their checksums.

        Parameters
        ----------
        up_to : int, optional
            Bytes of the largest file that is read; None = all are.

        Raises
        ------
        InputError
            Naming the first file that is damaged.
        """
        for name, array in self.header.arrays.items():
            if up_to is not None and array.bytes > up_to:
                continue
            values = self.array(name)
            if str(values.dtype.str) != array.dtype or len(values) != array.length:
                raise InputError(f"{self.folder / name}: it is another array than the header says")
            if crc32_of(values) != array.crc32:
                raise InputError(
                    f"{self.folder / name} is damaged: its checksum differs; make the store again "
                    "with recbole-poem convert flat"
                )


def crc32_of(values: np.ndarray) -> int:
    """Return the checksum of an array, read part by part."""
    step = max(1, _CHUNK_BYTES // values.itemsize)
    return _crc32(values[start : start + step].tobytes() for start in range(0, len(values), step))


def crc32_of_file(path: Path) -> int:
    """Return the checksum of a file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _crc32(iter(lambda: file.read(_CHUNK_BYTES), b""))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _crc32(parts: Iterator[bytes]) -> int:
    found = 0
    for part in parts:
        found = zlib.crc32(part, found)
    return found


def _of_tokens(column: StoredColumn) -> Sequence[str]:
    assert column.tokens is not None and column.order is not None, f"{column.name} has no tokens"
    return column.tokens, column.order
