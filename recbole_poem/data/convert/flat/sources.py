"""What a flat store keeps of the file that it was made of."""

import os
from pathlib import Path

from recbole_poem.core.errors import InputError
from recbole_poem.log.flat.store import crc32_of_file
from recbole_poem.log.flat.tables import Source


def source_of(path: Path, before: os.stat_result) -> Source:
    """Describe a file that has been read.

    Parameters
    ----------
    path : Path
    before : os.stat_result
        Of the file, before it was read.

    Raises
    ------
    InputError
        If the file has been changed since.
    """
    source = Source(path.name, before.st_size, before.st_mtime_ns, crc32_of_file(path))
    if path.stat().st_mtime_ns != before.st_mtime_ns:
        raise InputError(f"{path}: the file was changed while it was read; do it again")
    return source
