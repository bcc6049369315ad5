"""The file of logged rankings, ``<dataset>.cand``: its columns and candidates."""

from logging import getLogger
from pathlib import Path
from typing import List, Mapping, Optional, Sequence, Tuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from recbole_poem.core.atomic import AtomicFile, Format, Table
from recbole_poem.core.atomic.row_counts import FileRows
from recbole_poem.core.errors import InputError
from recbole_poem.fusion.cascade_stages import STAGE, STAGES
from recbole_poem.log.flat import TokenIds

_LONG_AGO = 1e6  # numbers below it are no times since 1970


def read_rankings(
    path: Path,
    fields: Tuple[str, str, str],
    form: Format,
    objectives: Optional[Sequence[str]],
) -> Tuple[Table, Tuple[str, ...]]:
    """Read the file; return its rows and the names of its objectives.

    Parameters
    ----------
    path : Path
    fields : (user, time, item) column names
    form : Format
    objectives : sequence of str, optional
        The float columns to read; None = all of them.

    Raises
    ------
    InputError
        For a missing file or column, an objective that is no float column, an empty field, and a
        stage that is none of a cascade's.
    """
    if not path.is_file():
        raise InputError(f"{path}: the ranking source 'logged' needs this file")
    file = AtomicFile(path, form)
    for field in fields:
        if field not in file.names:
            raise InputError(
                f"{path}: column '{field}' is missing (found: {', '.join(file.names)})"
            )
    names = _objectives(file, fields, objectives)
    staged = [column.name for column in file.columns if column == (STAGE, "token")]
    table = file.read([*fields, *names, *staged])
    if table.frame.empty:
        raise InputError(f"{path}: the file has no candidates")
    table.require([fields[1], *names, *staged])
    if staged:
        _say_stages(table)
    return table, tuple(names)


def _objectives(
    file: AtomicFile, fields: Tuple[str, str, str], wanted: Optional[Sequence[str]]
) -> List[str]:
    """Return the columns that are objectives; what is said and is none is named."""
    types = {column.name: column.type for column in file.columns if column.name not in fields}
    floats = [name for name, kind in types.items() if kind == "float"]
    if not floats:
        raise InputError(f"{file.path}: no float column holds an objective's score")
    for name in wanted or ():
        if name not in floats:
            found = f"is declared as {types[name]}" if name in types else "is no column"
            raise InputError(
                f"ranking_source.columns: '{name}' {found} in {file.path}, whose float columns are "
                f"{', '.join(floats)}"
            )
    names = floats if wanted is None else list(wanted)
    others = {name: kind for name, kind in types.items() if (name, kind) != (STAGE, "token")}
    left = [f"{name} ({kind})" for name, kind in others.items() if name not in names]
    if left:
        getLogger().warning(f"{file.path}: no objective is made of {', '.join(left)}")
    return names


def _say_stages(table: Table) -> None:
    """Count the candidates by stage; refuse one that is none."""
    found = table.frame[STAGE]
    wrong = np.flatnonzero(~found.isin(STAGES))
    if len(wrong):
        raise InputError(
            f"{table.file.path}: line {found.index[wrong[0]] + 2}: the stage "
            f"'{found.iloc[wrong[0]]}' is none of {', '.join(STAGES)}"
        )
    counts = found.value_counts()
    numbers = [f"{name} {counts[name]:,}" for name in STAGES if counts.get(name, 0)]
    getLogger().info(f"{table.file.path}: candidates by stage, best first: {', '.join(numbers)}")


def stages_of(frame: pd.DataFrame) -> Optional[np.ndarray]:
    """Return the place of each candidate's stage in `STAGES`, (C,) uint8; None without any."""
    if STAGE not in frame or is_numeric_dtype(frame[STAGE]):  # a float column is an objective
        return None
    places = {name: place for place, name in enumerate(STAGES)}
    return frame[STAGE].astype(str).map(places).to_numpy(np.uint8)


def ids_of(tokens: pd.Series, ids: Mapping[str, int]) -> np.ndarray:
    """Return the internal id of each token, (C,) int64; 0 for one that the log does not have."""
    known = tokens.cat.categories
    if isinstance(ids, TokenIds):  # pandas would make a dictionary of it
        of_category = np.maximum(ids.of(known), 0)
    else:
        of_category = pd.Series(known).map(ids).fillna(0).to_numpy(np.int64)
    return np.r_[of_category, 0][tokens.cat.codes]  # a missing token has the code -1


def known_rows(
    path: Path, users: pd.Series, items: pd.Series, user: np.ndarray, item: np.ndarray
) -> FileRows:
    """Count the candidates that the log does not know; refuse a file of no others."""
    rows = FileRows(path.name, len(user))
    blank = (users.isna() | items.isna()).to_numpy()
    rows.drop(int(blank.sum()), "have no user or no item")
    rows.drop(int(((user == 0) & ~blank).sum()), "have a user whom the log does not have")
    is_other = (item == 0) & (user > 0) & ~blank
    rows.drop(int(is_other.sum()), "have an item that the log does not have")
    if not rows.kept:
        raise InputError(f"{path}: none of its candidates has a user and an item of the log")
    return rows


def warn_of_ties(path: Path, ranking: np.ndarray, exact: np.ndarray, scores: np.ndarray) -> None:
    """Warn of scores of one ranking that differ and yet are one number in single precision.

    Parameters
    ----------
    path : Path
    ranking : (C,) int64
        Which ranking each candidate belongs to.
    exact : (C, M) float64
        Scores as they stand in the file.
    scores : (C, M) float32
        As they are kept, and ranked.
    """
    number = 0
    for wide, narrow in zip(exact.T, scores.T):
        order = np.lexsort((wide, ranking))
        same = (np.diff(ranking[order]) == 0) & (np.diff(narrow[order]) == 0)
        number += int((same & (np.diff(wide[order]) > 0)).sum())
    if number:
        getLogger().warning(
            f"{path}: {number:,} scores differ from another one of their ranking by less than "
            "single precision holds, and count as ties; subtract what they have in common"
        )


def other_unit(rankings: np.ndarray, log: np.ndarray) -> str:
    """Say so where two sets of times look like being of different units since 1970."""
    middle = np.median(rankings), np.median(log)
    ratio = middle[0] / max(middle[1], 1.0)
    for factor in (1e3, 1e6, 1e9):
        is_finer = 0.5 < ratio / factor < 2
        if min(middle) > _LONG_AGO and (is_finer or 0.5 < ratio * factor < 2):
            finer, coarser = ("rankings", "log") if is_finer else ("log", "rankings")
            return (
                f"; one second of the {coarser} is {factor:,.0f} of the {finer}, so write both "
                "in the same unit (key time_unit)"
            )
    return ""
