"""What becomes of the rows of a log in a split: how many are predicted, and which are not."""

from typing import Any, Sequence

import numpy as np


def split_words(dataset: Any, splits: Sequence[Any]) -> str:
    """Say how many rows each part of a split has, and how many rows and users are in none.

    Parameters
    ----------
    dataset : Dataset
        Built; its `log`, if it keeps one, is all rows that were loaded.
    splits : sequence of Dataset
        Training, validation and test.
    """
    users = [np.unique(split.inter_feat[dataset.uid_field].numpy()) for split in splits]
    train, valid, test = (len(split.inter_feat) for split in splits)
    words = f"split: {train:,} rows to learn from, {valid:,} to validate, {test:,} to test"
    log = getattr(dataset, "log", None)
    if log is not None:
        n_first = int((log.position == 0).sum())
        n_rest = len(log) - n_first - train - valid - test
        words += f"; {n_first:,} rows are the first of their user, which nothing predicts"
        if n_rest:
            words += f"; {n_rest:,} rows are no targets and history alone"
        everyone = np.unique(log.user)
    else:
        everyone = np.unique(np.concatenate(users))
    untested = len(np.setdiff1d(everyone, users[2]))
    return f"{words}; {untested:,} of {len(everyone):,} users have no row to test"
