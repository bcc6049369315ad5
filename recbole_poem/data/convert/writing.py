"""Atomic files, all of a data set or none."""

import csv
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Dict, Mapping, Optional, Type

import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file, writing_into

#: The kinds of files that a later conversion must not leave; ``.cand`` may be the user's own.
SUFFIXES = ("inter", "user", "item")


class AtomicFiles:
    """The atomic files of one data set; they appear when the context ends without an exception.

    Parameters
    ----------
    output : Path
        The folder, named like the data set: ``dataset/kuairand-pure``.
    columns : mapping
        Kind of file, such as inter -> column -> type. Those that are not named are not written.

    Raises
    ------
    InputError
        If the folder holds a file of an earlier conversion that this one would not replace; and
        from the context, if it cannot be written.
    """

    def __init__(self, output: Path, columns: Mapping[str, Mapping[str, str]]) -> None:
        self.name = output.resolve().name
        self._paths = {kind: output / f"{self.name}.{kind}" for kind in columns}
        self._columns = columns
        self._output = output
        self._files: Dict[str, IO[bytes]] = {}
        self._stack = ExitStack()
        for kind in SUFFIXES:
            old = output / f"{self.name}.{kind}"
            if kind not in columns and old.exists():
                raise InputError(
                    f"{old} is there from before and would stay; remove it or choose another "
                    "--output"
                )

    def __enter__(self) -> "AtomicFiles":
        with writing_into(self._output), ExitStack() as stack:
            for kind, columns in self._columns.items():
                self._files[kind] = stack.enter_context(whole_file(self._paths[kind]))
                head = "\t".join(f"{name}:{type_}" for name, type_ in columns.items())
                self._files[kind].write(f"{head}\n".encode())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        with writing_into(self._output):
            self._stack.__exit__(kind, error, trace)

    def write_beside(self, name: str, text: str) -> None:
        """Write a file of text that belongs to the others, whole at once."""
        with writing_into(self._output), whole_file(self._output / name) as file:
            file.write(text.encode())

    def write(self, kind: str, rows: pd.DataFrame) -> None:
        """Append rows; columns that `rows` lacks stay empty, missing values too."""
        ordered = rows.reindex(columns=list(self._columns[kind]))
        text: Any = ordered.to_csv(
            sep="\t",
            index=False,
            header=False,
            na_rep="",
            lineterminator="\n",
            quoting=csv.QUOTE_NONE,  # atomic files have no quoting
        )
        self.append(kind, text.encode())

    def append(self, kind: str, lines: bytes) -> None:
        """Append whole lines, whose fields stand in the order of the header."""
        with writing_into(self._output):
            self._files[kind].write(lines)
