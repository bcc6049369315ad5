"""The first pass over a log: tokens become numbers, and the rows lie on disk, part by part."""

from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from recbole_poem.core.atomic import AtomicFile, Column, Table
from recbole_poem.core.atomic.row_counts import some_lines
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.flat.narrow_types import NarrowType
from recbole_poem.data.convert.flat.token_numbers import TokenNumbers


class Numbered(NamedTuple):
    """A log whose tokens are numbers, in the order of its file.

    Attributes
    ----------
    columns : list of Column
    parts : list of Path
        Files of rows, each of the arrays of all columns; see `load`.
    counts : (U,) int64
        Rows of each user, from the first.
    tokens : dict
        Token column -> its tokens.
    types : dict
        Float column -> the narrowest type that holds it.
    """

    columns: List[Column]
    parts: List[Path]
    counts: np.ndarray
    tokens: Dict[str, TokenNumbers]
    types: Dict[str, NarrowType]

    @property
    def n_rows(self) -> int:
        """R."""
        return int(self.counts.sum())

    def load(self) -> Iterator[List[np.ndarray]]:
        """Yield the parts, each as the arrays (N,) of all columns; a part is gone afterwards."""
        for path in self.parts:
            with np.load(path) as part:
                columns = [part[str(place)] for place in range(len(self.columns))]
            path.unlink()
            yield columns


def number_rows(
    file: AtomicFile, columns: Sequence[Column], fields: Tuple[str, str, str], folder: Path
) -> Numbered:
    """Give the tokens of a log numbers, and write its rows to `folder`.

    Parameters
    ----------
    file : AtomicFile
    columns : sequence of Column
        To keep, tokens and numbers.
    fields : tuple of str
        The columns of users, of items and of times.
    folder : Path
        For temporary files.

    Raises
    ------
    InputError
        Naming the line: a row without user, item or time, a time before 1970; and what
        `AtomicFile` refuses. If there is no row.
    """
    tokens = {column.name: TokenNumbers() for column in columns if column.type == "token"}
    types = {column.name: NarrowType() for column in columns if column.type == "float"}
    paths: List[Path] = []
    counts = np.zeros(0, np.int64)
    names = [column.name for column in columns]
    with tqdm(unit=" rows", unit_scale=True, desc="Numbering", disable=None) as bar:
        for table in file.parts(names):
            _check(table, fields)
            numbers = {
                name: ids_of(table.frame[name].array, tokens[name])
                if name in tokens
                else types[name].narrowed(table.frame[name].to_numpy())
                for name in names
            }
            users = np.bincount(numbers[fields[0]].astype(np.int64) - 1)
            counts = np.pad(counts, (0, max(0, len(users) - len(counts))))
            counts[: len(users)] += users
            paths.append(folder / f"{len(paths)}.npz")
            np.savez(paths[-1], **{str(place): numbers[name] for place, name in enumerate(names)})
            bar.update(len(table.frame))
    if not paths:
        raise InputError(f"{file.path}: the file has no interactions")
    return Numbered(list(columns), paths, counts, tokens, types)


def _check(table: Table, fields: Tuple[str, str, str]) -> None:
    table.require(fields)
    times = table.frame[fields[2]]
    early = times.index[times < 0] + 2
    if len(early):
        raise InputError(
            f"{table.file.path}: column '{fields[2]}' has times before 1970 "
            f"({some_lines(early.tolist())}); give them as 0 or later"
        )


def ids_of(column: pd.Categorical, known: TokenNumbers) -> np.ndarray:
    """Return the ids of the tokens of a part from 1, 0 for a missing one, in a narrow type."""
    codes = np.asarray(column.codes)
    met = pd.unique(codes[codes >= 0])  # in the order of the file
    ids = np.zeros(len(column.categories) + 1, np.int64)  # the last one is of code -1
    ids[met] = known.of(column.categories.to_numpy()[met]) + 1
    return ids.astype(np.min_scalar_type(len(known)))[codes]
