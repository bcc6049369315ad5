"""Which formats files have, by their names, and what Parquet needs."""

from pathlib import Path
from typing import Any, Mapping, TypeVar

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


def parquet() -> Any:
    """Return ``pyarrow.parquet``.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise InputError(
            "Parquet needs the package 'pyarrow'; install the extra [serve]"
        ) from error
    return pyarrow.parquet
