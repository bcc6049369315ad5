"""Tables of events wherever they come from: what the readers of files and frames have in common."""

from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Protocol, Sequence

import pandas as pd


class Reading(NamedTuple):
    """How a file of text is to be read, where its content does not say it.

    Attributes
    ----------
    separator : str, optional
        Between the fields of a line; None = guessed from the first line.
    encoding : str
        A codec of Python.
    names : list of str, optional
        Of the columns of a file without a header.
    """

    separator: Optional[str] = None
    encoding: str = "utf-8"
    names: Optional[List[str]] = None


class Table(Protocol):
    """A table whose columns are known.

    Attributes
    ----------
    name : str
        For messages.
    columns : list of str
        All of them, in their order.
    note : str
        What was taken for granted, for the summary; maybe empty.
    paths : list of Path
        The files that it reads.
    """

    name: str
    columns: List[str]
    note: str
    paths: List[Path]

    def read(self, names: Sequence[str], bar: Any = None) -> pd.DataFrame:
        """Return some columns; of a file of text as text. What is None, NaN or empty is missing.

        Parameters
        ----------
        names : sequence of str
        bar : optional
            A bar of bytes to move on.

        Raises
        ------
        InputError
            For whatever is wrong with the file.
        """

    def place(self, row: int) -> str:
        """Say where a row stands, by its number from 0: ``events.csv, line 7``."""
