"""The file that keeps an index: mapped, so that the system reads the cells that are visited.

=============  =====================================================================================
lists          what ``faiss.write_index`` writes: 64 bytes of codes and a number of 8 bytes for an
               item of 64 numbers, cell by cell, and how many cells are visited
bounds         (n_cells, d + 1) float32, see `Cells`
``MAGIC``      the name and version of this layout
key            16 bytes: whose index it is
checksum       16 bytes: BLAKE2b of all before it
=============  =====================================================================================

It is written whole or not at all, under its own name only when it is complete. A process that has
mapped a file goes on with it when another one takes its place.
"""

import hashlib
import os
from pathlib import Path
from typing import IO, Any, Optional, Tuple

import numpy as np

from recbole_poem.core.files import whole_file
from recbole_poem.serving.index.cells import Cells, library

MAGIC = b"POEM index 2\n"
DIGEST = 16  # bytes, of a key
_TAIL = len(MAGIC) + 2 * DIGEST
_BLOCK = 1 << 22  # bytes that are read at once


def write(path: Path, key: bytes, cells: Cells) -> None:
    """Write an index.

    Raises
    ------
    OSError
        If it cannot be written; the file that was there stays.
    """
    faiss = library()
    with whole_file(path) as file:
        summed = _Summed(file)
        faiss.write_index(cells.lists, faiss.PyCallbackIOWriter(summed.write))
        summed.write(cells.bounds.astype("<f4").tobytes() + MAGIC + key)
        file.write(summed.digest.digest())


def read(path: Path, key: bytes) -> Tuple[Optional[Cells], str]:
    """Return the index of a file, which stays mapped, or None and the reason why it will not do.

    All of the file is read once for its checksum; nothing is made of one that is damaged.
    """
    try:
        with path.open("rb") as file:
            if not _is_whole(file):
                return None, f"{path} is damaged or no index"
            file.seek(-2 * DIGEST, os.SEEK_END)
            if file.read(DIGEST) != key:
                return None, f"{path} is the index of other items"
        return _mapped(path), ""
    except FileNotFoundError:
        return None, f"there is none in {path}"
    except OSError as error:
        return None, f"{path} cannot be read: {error.strerror or error}"
    except RuntimeError:  # Faiss's own, for a file that is whole
        return None, f"{path} is of another version of Faiss"


def _mapped(path: Path) -> Cells:
    faiss = library()
    lists: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    n_cells, width = lists.nlist, lists.d + 1
    end = path.stat().st_size - _TAIL
    bounds = np.fromfile(path, "<f4", n_cells * width, offset=end - 4 * n_cells * width)
    return Cells(bounds.reshape(n_cells, width), lists)


def _is_whole(file: IO[bytes]) -> bool:
    """Tell whether a file is of this layout and what was written."""
    left = file.seek(0, os.SEEK_END) - DIGEST
    if left < _TAIL - DIGEST:
        return False
    file.seek(left + DIGEST - _TAIL)
    if file.read(len(MAGIC)) != MAGIC:
        return False
    file.seek(0)
    digest = hashlib.blake2b(digest_size=DIGEST)
    while block := file.read(min(left, _BLOCK)):
        digest.update(block)
        left -= len(block)
    return file.read() == digest.digest()


class _Summed:
    """Writes into a file, and sums up what it wrote."""

    def __init__(self, file: IO[bytes]) -> None:
        self.digest, self._file = hashlib.blake2b(digest_size=DIGEST), file

    def write(self, content: bytes) -> None:
        """Write some more."""
        self.digest.update(content)
        self._file.write(content)
