"""Which formats files have, by their names."""

from pathlib import Path
from typing import Mapping, TypeVar

from recbole_poem.core.errors import InputError

Format = TypeVar("Format")


def by_suffix(path: Path, known: Mapping[str, Format]) -> Format:
    """Choose a format by the end of a file's name.

    Raises
    ------
    InputError
        If no format has it.
    """
    if path.suffix not in known:
        raise InputError(f"{path}: expected a name that ends with {', '.join(known)}")
    return known[path.suffix]
