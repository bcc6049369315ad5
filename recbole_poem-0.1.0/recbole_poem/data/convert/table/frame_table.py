"""Tables with types: a DataFrame, and Parquet, which is read as one."""

from pathlib import Path
from typing import Any, List, Sequence

import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.parquet import parquet
from recbole_poem.data.convert.table.source import Reading


class FrameTable:
    """A DataFrame; its index counts for nothing.

    Parameters
    ----------
    frame : DataFrame

    Raises
    ------
    InputError
        If a column is there twice or its name is no text.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.name, self.note = "the frame", ""
        self.paths: List[Path] = []
        self.columns = list(frame.columns)
        _check_names(self.name, self.columns)
        self._frame = frame

    def read(self, names: Sequence[str], bar: Any = None) -> pd.DataFrame:
        """Return some columns as they are; see `Table.read`."""
        return self._frame[list(names)].reset_index(drop=True)

    def place(self, row: int) -> str:
        """Say where a row stands."""
        return f"row {row} of the frame, counted from 0"


class ParquetTable:
    """A file of Parquet; needs the extra ``[parquet]``.

    Parameters
    ----------
    path : Path
    reading : Reading
        Of which nothing may be given.

    Raises
    ------
    InputError
        If it is none, or the package is not installed.
    """

    def __init__(self, path: Path, reading: Reading) -> None:
        self.name, self.note, self.paths = str(path), "", [path]
        if reading != Reading():
            raise InputError(
                f"{path}: Parquet knows its columns and types; leave --columns, --separator and "
                "--encoding out"
            )
        try:
            self.columns = list(parquet().read_schema(path).names)
        except InputError:
            raise
        except (ValueError, OSError) as error:
            raise InputError(f"{path}: cannot be read as Parquet: {error}") from error
        _check_names(self.name, self.columns)

    def read(self, names: Sequence[str], bar: Any = None) -> pd.DataFrame:
        """Return some columns with their types; see `Table.read`.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        try:
            table = parquet().read_table(self.paths[0], columns=list(names))
            return table.to_pandas(types_mapper=_type, ignore_metadata=True)
        except (ValueError, OSError) as error:
            raise InputError(f"{self.name}: is damaged: {error}") from error

    def place(self, row: int) -> str:
        """Say where a row stands."""
        return f"{self.name}, row {row + 1}"


def _type(kind: Any) -> Any:
    """Return the type of pandas for a type of Parquet: whole numbers beside gaps stay whole."""
    name = str(kind)
    if not name.lstrip("u").startswith("int"):
        return None
    return pd.api.types.pandas_dtype(name.replace("int", "Int").replace("uI", "UI"))


def _check_names(what: str, columns: List[Any]) -> None:
    for place, name in enumerate(columns):
        if not isinstance(name, str):
            raise InputError(f"{what}: the column {name!r} has no text as its name; rename it")
        if name in columns[:place]:
            raise InputError(f"{what}: column '{name}' is there twice")
