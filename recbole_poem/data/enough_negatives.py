"""Whether there is an item for every user that may be drawn as a negative.

RecBole draws until it finds one: a user who has all items makes it refuse some logs, and wait
forever at others.
"""

from logging import getLogger
from typing import Any, Sequence

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.data.rows import in_parts
from recbole_poem.log.requests import ROWS_AT_ONCE


def check_negatives(config: Any, whole: Dataset, splits: Sequence[Dataset]) -> None:
    """Refuse users of whom every item that could be drawn is a positive.

    Parameters
    ----------
    config : Config
    whole : Dataset
        The data set before its split.
    splits : three Datasets

    Raises
    ------
    InputError
        That names such a user.
    """
    phases = [config[f"{phase}_neg_sample_args"] for phase in ("train", "valid", "test")]
    drawn = {args["distribution"] for args in phases} - {"none"}
    if not drawn:
        return
    _tell_of_repeats(phases[1:], whole.item_num - 1)
    n_drawn = _n_items(splits) if "popularity" in drawn else whole.item_num - 1
    if config["repeatable"]:
        # every item but the one that is predicted; full evaluation draws none
        draws = [a for a in phases if a["distribution"] != "none" and a["sample_num"] != "none"]
        if draws and n_drawn < 2:
            raise InputError(f"{_where(whole)} has one item, so there is no negative to draw")
        return
    fields = {"user": whole.uid_field, "item": whole.iid_field}
    pairs = pd.DataFrame({name: _column(splits, field) for name, field in fields.items()})
    pairs = pairs.drop_duplicates()
    counts = pairs["user"].value_counts(sort=False)
    full = counts.index[counts.to_numpy() >= n_drawn]
    if len(full):
        token = whole.id2token(whole.uid_field, int(full.min()))
        raise InputError(
            f"{_where(whole)}: {len(full)} users, such as '{token}', have rows of all {n_drawn} "
            "items, so there is no negative to draw for them; leave them out with "
            f'user_inter_num_interval: "[1,{n_drawn - 1}]"'
        )


def _column(splits: Sequence[Dataset], field: str) -> np.ndarray:
    """Return a column of all splits, one behind the other."""
    return np.concatenate([split.inter_feat[field].numpy() for split in splits])


def _n_items(splits: Sequence[Dataset]) -> int:
    """Count the items that some row has."""
    has_row = np.zeros(splits[0].item_num, dtype=bool)
    for split in splits:
        for items in in_parts(split.inter_feat, split.iid_field, ROWS_AT_ONCE):
            has_row[items.numpy()] = True
    return int(np.count_nonzero(has_row))


def _tell_of_repeats(phases: Sequence[Any], n_items: int) -> None:
    """Warn of more negatives than there are items."""
    for args in phases:
        number = args["sample_num"]
        if number == "none" or number < n_items:
            continue
        getLogger().warning(
            f"eval_args.mode: {number} negatives of {n_items} items cannot all be others, so some "
            "are drawn more than once; ask for fewer, or for full"
        )


def _where(dataset: Dataset) -> str:
    return f"data set {dataset.dataset_name}"
