"""What a user had done before a test row: how many rows, and whether the target was among them.

It is of the log, whatever the model reads of it, and the same for every row of a comparison.
"""

from typing import Any, List, NamedTuple

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID


class Before(NamedTuple):
    """What came before R test rows.

    Attributes
    ----------
    seen : (R,) bool
        Whether the user had dealt with the target.
    n_rows : (R,) int64
        Rows of the user.
    """

    seen: np.ndarray
    n_rows: np.ndarray


def before(user: np.ndarray, target: np.ndarray, whole: Dataset, split: Dataset) -> Before:
    """Look up what came before test rows.

    Parameters
    ----------
    user, target : (R,) str
        Raw tokens; of rows with the same ones the earlier first.
    whole, split : Dataset
        The data set before its split, and the part that holds the test rows.
    """
    known = _in_log(whole, split) if REQUEST_ID in split.inter_feat else _by_count(whole, split)
    place = rows_of(user, target, split)
    return Before(known.seen[place], known.n_rows[place])


def rows_of(user: np.ndarray, target: np.ndarray, split: Dataset) -> np.ndarray:
    """Return the rows (R,) of a part that have some users and targets.

    Parameters
    ----------
    user, target : (R,) str
        Raw tokens; of rows with the same ones the earlier first.
    split : Dataset

    Raises
    ------
    InputError
        If the part lacks one of them.
    """
    names = {
        "user": split.id2token(split.uid_field, _column(split, split.uid_field)),
        "target": split.id2token(split.iid_field, _column(split, split.iid_field)),
    }
    rows = _numbered(pd.DataFrame(names).astype(str)).reset_index(names="row")
    asked = _numbered(pd.DataFrame({"user": user, "target": target}))
    row = asked.merge(rows, how="left")["row"]
    if row.isna().any():
        first = asked[row.isna().to_numpy()].iloc[0]
        raise InputError(
            f"{split.dataset_name}: no row that is evaluated has the user {first['user']} and the "
            f"target {first['target']}"
        )
    return row.to_numpy(dtype=np.int64)


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Tell rows of the same user and target apart, the first one as 0."""
    return rows.assign(occurrence=rows.groupby(["user", "target"]).cumcount())


def _in_log(whole: Any, split: Dataset) -> Before:
    """Look in the log, which has every row of every user in the order of time."""
    log, request = whole.log, _column(split, REQUEST_ID)
    seen = pd.DataFrame({"user": log.user, "item": log.item}).duplicated().to_numpy()
    return Before(seen[request], request - log.first[request])


def _by_count(whole: Dataset, split: Dataset) -> Before:
    """Count what comes beside the test rows, and so before them; of these the earlier come first.

    Models without sequences have no log where every row is a target.
    """
    fields = [whole.uid_field, whole.iid_field]
    every, tested = (
        pd.DataFrame({field: _column(part, field) for field in fields}) for part in (whole, split)
    )
    n_same, n_rows = (_n_before(every, tested, by) for by in (fields, fields[:1]))
    return Before(n_same > 0, n_rows)


def _n_before(every: pd.DataFrame, tested: pd.DataFrame, by: List[str]) -> np.ndarray:
    """Count the rows with the same values of `by` before each tested row."""
    total = tested[by].merge(every.groupby(by).size().rename("n").reset_index(), how="left")["n"]
    groups = tested.groupby(by)
    size = groups[by[0]].transform("size").to_numpy()
    return (total.to_numpy() - size + groups.cumcount().to_numpy()).astype(np.int64)


def _column(part: Dataset, field: str) -> np.ndarray:
    values: np.ndarray = part.inter_feat[field].numpy()
    return values
