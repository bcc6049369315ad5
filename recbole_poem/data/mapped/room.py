"""Room for arrays on the disk, which the system may drop from memory and read again."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def room(folder: Path, dtype: Any, length: int) -> np.ndarray:
    """Return an array to be filled (length,), in a file without a name in a folder.

    The file is gone with the array. Where nothing can be written, there is no room, or the system
    cannot keep room free (it can on Linux), the array is in memory.
    """
    size = np.dtype(dtype).itemsize * length
    if not hasattr(os, "posix_fallocate"):
        return np.empty(length, dtype)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk would be noticed too late
            return np.asarray(np.memmap(file, dtype, "r+", shape=(length,)))
    except OSError:
        return np.empty(length, dtype)
