"""The package that reads and writes Parquet, where it is installed."""

from typing import Any

from recbole_poem.core.errors import InputError


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
            "Parquet needs the package 'pyarrow'; install the extra [parquet]"
        ) from error
    return pyarrow.parquet
