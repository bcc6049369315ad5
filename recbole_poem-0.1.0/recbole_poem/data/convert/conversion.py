"""From the files of a data set to its atomic files: what all conversions have in common.

A data set brings a `Source`: what its logs look like, and its tables of users and items.
"""

from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Protocol

import pandas as pd

from recbole_poem.core.files import writing_into
from recbole_poem.data.convert.interactions import LogFormat, kept_rows, survey
from recbole_poem.data.convert.reading import progress
from recbole_poem.data.convert.summary import Summary
from recbole_poem.data.convert.writing import AtomicFiles


class Table(Protocol):
    """What fills ``.user`` or ``.item``.

    Attributes
    ----------
    paths : list of Path
        The files that it reads.
    notes : list of str
        Sentences for the summary, once the rows have been read.
    """

    paths: List[Path]
    notes: List[str]

    def types(self) -> Dict[str, str]:
        """Return the columns and their types; none if there is nothing to write."""

    def rows(self, folder: Path, bar: Any = None) -> Iterator[pd.DataFrame]:
        """Yield the rows; temporary files may lie in `folder`, `bar` is moved on by bytes."""


class Earlier(Protocol):
    """Rows of another kind that come before those of the logs.

    Attributes
    ----------
    path : Path
        The file that they are read from.
    """

    path: Path

    def rows(self, start: float, bar: Any = None) -> Iterator[pd.DataFrame]:
        """Yield the rows, with times before `start`, the first time of the logs."""


class Source(NamedTuple):
    """A data set as it was published.

    Attributes
    ----------
    log : LogFormat
        What its logs look like, derived columns included.
    paths : list of Path
        The logs, in the order in which they are read.
    users, items : Table
    summary : Summary
        What counts the rows.
    earlier : Earlier, optional
        Its rows may lack columns of the log, and are not counted in the summary.
    """

    log: LogFormat
    paths: List[Path]
    users: Table
    items: Table
    summary: Summary
    earlier: Optional[Earlier] = None

    @property
    def others(self) -> List[Path]:
        """Return all files that are no logs."""
        earlier = [] if self.earlier is None else [self.earlier.path]
        return [*self.users.paths, *earlier, *self.items.paths]


def convert_source(source: Source, output: Path, keep_duplicates: bool) -> str:
    """Write the atomic files of `source`, all of them or none.

    Parameters
    ----------
    source : Source
    output : Path
        The folder to write, named like the data set; it is made where it is missing.
    keep_duplicates : bool
        Only count the rows that repeat an earlier (user, video, time).

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with a file; nothing is written then.
    """
    log, paths, summary = source.log, source.paths, source.summary
    tables = {"user": source.users, "item": source.items}
    columns = {"inter": log.types(), **{kind: table.types() for kind, table in tables.items()}}
    columns = {kind: types for kind, types in columns.items() if types}
    with writing_into(output):
        output.mkdir(parents=True, exist_ok=True)
    # a log is read twice
    with AtomicFiles(output, columns) as files, progress([*paths, *paths, *source.others]) as bar:
        dropped = survey(paths, log, output, bar)
        if source.earlier is not None:
            summary.notes.append(_write_earlier(files, source.earlier, dropped.start, bar))
        for rows in kept_rows(paths, log, dropped.rows(keep_duplicates), summary, bar):
            files.write("inter", rows)
        for kind, table in tables.items():
            for rows in table.rows(output, bar):
                files.write(kind, rows)
        notes = [*dropped.sentences(keep_duplicates), *source.users.notes, *source.items.notes]
        summary.notes += notes
        return summary.text()  # which refuses times that are none


def _write_earlier(files: AtomicFiles, earlier: Earlier, start: float, bar: Any) -> str:
    """Write the rows and return what the summary says of them."""
    n_rows = 0
    for rows in earlier.rows(start, bar):
        n_rows += len(rows)
        files.write("inter", rows)
    return f"in front of them {n_rows:,} earlier rows without a time, from {earlier.path.name}"
