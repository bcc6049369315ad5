"""The package that reads and writes Parquet and Feather, where it is installed."""

from typing import Any

from recbole_poem.core.errors import InputError


def parquet() -> Any:
    """Return ``pyarrow.parquet``.

    Raises
    ------
    InputError
        If it is not installed.
    """
    _require("Parquet")
    import pyarrow.parquet

    return pyarrow.parquet


def arrow() -> Any:
    """Return ``pyarrow``, with ``pyarrow.csv`` and ``pyarrow.ipc``, which reads Feather.

    Raises
    ------
    InputError
        If it is not installed.
    """
    _require("Feather")
    import pyarrow.csv
    import pyarrow.ipc

    return pyarrow


def _require(what: str) -> None:
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            f"{what} needs the package 'pyarrow'; install the extra [parquet]"
        ) from error
