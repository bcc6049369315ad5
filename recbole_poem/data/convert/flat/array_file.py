"""An array that is written from its beginning to its end, with a checksum."""

import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Type

import numpy as np

from recbole_poem.log.flat.header import Array


class ArrayFile:
    """A file in numpy's format of one dimension; a context that closes it.

    Parameters
    ----------
    path : Path
    dtype : numpy.dtype
    length : int
        Elements that it will have.

    Raises
    ------
    OSError
        If it cannot be written.
    """

    def __init__(self, path: Path, dtype: Any, length: int) -> None:
        self.name, self._dtype, self._length = path.name, np.dtype(dtype), length
        self._written = self._crc32 = self._bytes = 0
        self._file = path.open("wb")
        head = {"descr": self._dtype.str, "fortran_order": False, "shape": (length,)}
        np.lib.format.write_array_header_1_0(self._file, head)

    def __enter__(self) -> "ArrayFile":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if kind is None:
            assert self._written == self._length, f"{self.name}: {self._written} elements"
            self._file.flush()
            os.fsync(self._file.fileno())
            self._bytes = self._file.tell()
        self._file.close()

    def append(self, values: np.ndarray) -> None:
        """Write the next elements (n,)."""
        data = np.ascontiguousarray(values, self._dtype).tobytes()
        self._crc32 = zlib.crc32(data, self._crc32)
        self._file.write(data)
        self._written += len(values)

    @property
    def entry(self) -> Array:
        """What the header says of it, once it is whole."""
        return Array(self._dtype.str, self._length, self._crc32, self._bytes)
