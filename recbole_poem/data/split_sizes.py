"""How many rows a log and the parts of its split have: none is empty that was asked for.

RecBole trains and evaluates on whatever is left, and gives ``None`` for a test without rows. What
becomes of the rows of a log is told: how many are predicted, and which are not.
"""

from logging import getLogger
from typing import Any, Sequence

import numpy as np
from recbole.data.dataset import Dataset
from recbole.utils import ModelType

from recbole_poem.core.errors import InputError
from recbole_poem.core.plurals import counted
from recbole_poem.core.times import span_in_words
from recbole_poem.data.rows import in_parts
from recbole_poem.data.split_by_time import NAME
from recbole_poem.log.requests import ROWS_AT_ONCE

_PARTS = ("training", "validation", "test")

#: rows of one user that leave-one-out needs for a validation row and for a test row
_ROWS_NEEDED = {"valid_and_test": (0, 3, 2), "test_only": (0, 0, 2)}


def check_split(config: Any, splits: Sequence[Dataset]) -> None:
    """Refuse a split without training or test rows, or without the validation rows it asks for.

    Parameters
    ----------
    config : Config
    splits : three Datasets
        For training, validation and test.

    Raises
    ------
    InputError
        That says which parts are empty and why. Validation rows are not asked for by a share of
        0, by ``test_only`` and by ``eval_step: 0``.
    """
    empty = [part for part, split in zip(_PARTS, splits) if not len(split)]
    if empty == ["validation"] and (config["eval_step"] <= 0 or not _asks_for_validation(config)):
        getLogger().warning(
            "eval_args: there are no validation rows, so training goes on for all epochs and the "
            "last one is tested"
        )
    elif empty:
        verb = "is" if len(empty) == 1 else "are"
        raise InputError(f"{_reason(config, splits, empty)}; {' and '.join(empty)} {verb} empty")


def log_words(dataset: Any) -> str:
    """Say what a data set is: its rows, users and items, and from when to when they are.

    Parameters
    ----------
    dataset : Dataset
        Loaded, and not split yet.
    """
    rows = dataset.inter_feat
    words = (
        f"{dataset.dataset_name}: {counted(len(rows), 'row')} of "
        f"{counted(dataset.user_num - 1, 'user')} and {counted(dataset.item_num - 1, 'item')}"
    )
    if dataset.time_span is None:
        return words
    return f"{words}, {span_in_words(dataset.time_span, dataset.config['time_unit'])} UTC"


#: what leave-one-out predicts of each user
_LEFT_OUT = {
    "valid_and_test": "the last row of each user to test, the one before it to validate",
    "test_only": "the last row of each user to test",
    "valid_only": "the last row of each user to validate",
}


def predicted_words(config: Any) -> str:
    """Say which rows a configuration predicts to validate and to test."""
    if config["benchmark_filename"] is not None:
        return f"as the files of benchmark_filename: {', '.join(config['benchmark_filename'])}"
    words = _split_in_words(config["eval_args"])
    if config["positive_feedback"] is not None:
        words += f", of those with {config['positive_feedback']}"
    return words


def _split_in_words(eval_args: Any) -> str:
    """Say of checked ``eval_args`` which rows the parts of the split take."""
    kind, value = next(iter(eval_args["split"].items()))
    by_time = eval_args["order"] == "TO"
    if kind == "LS":
        return _LEFT_OUT[value] + ("" if by_time else ", in an order drawn at random")
    if kind == NAME:
        return f"by time, {', '.join(f'{part}: {which}' for part, which in value.items())}"
    parts = " : ".join(map(str, value))
    if kind == "TS":
        return f"the parts {parts}, of which the last begins for all users at the same time"
    of_user = str(eval_args["group_by"]).lower() == "user"
    rows = "each user's rows" if of_user else "all rows"
    return f"the parts {parts} of {rows}, {'in the order of time' if by_time else 'at random'}"


def split_words(dataset: Any, splits: Sequence[Any]) -> str:
    """Say how many rows each part of a split has, and how many rows and users are in none.

    Parameters
    ----------
    dataset : Dataset
        Built; its `log`, if it keeps one, is all rows that were loaded.
    splits : sequence of Dataset
        Training, validation and test.
    """
    users = [_users_of(split) for split in splits]
    sizes = [len(split.inter_feat) for split in splits]
    train, valid, test = sizes
    words = f"{train:,} rows to learn from, {valid:,} to validate, {test:,} to test"
    log = getattr(dataset, "log", None)
    if dataset.config["benchmark_filename"] is not None:
        everyone = users[0] | users[1] | users[2]
    elif log is not None:
        everyone, n_first = np.zeros_like(users[0]), int(np.count_nonzero(~log.has_history))
        everyone[log.user] = True
        n_rest = len(log) - n_first - sum(sizes)
        words += f"; {n_first:,} rows are the first of their user, which nothing predicts"
        if n_rest:
            words += f"; {n_rest:,} rows are no targets and history alone"
    else:
        everyone = _users_of(dataset)
        n_rest = len(dataset.inter_feat) - sum(sizes)
        if n_rest:
            words += f"; {n_rest:,} held-out rows are the first of their user, and in no part"
    untested = np.count_nonzero(everyone & ~users[2])
    return f"{words}; {untested:,} of {np.count_nonzero(everyone):,} users have no row to test"


def _users_of(dataset: Any) -> np.ndarray:
    """Mark the users that have a row in a part of a split, (n_users,) bool."""
    found = np.zeros(dataset.user_num, dtype=bool)
    for users in in_parts(dataset.inter_feat, dataset.uid_field, ROWS_AT_ONCE):
        found[users.numpy()] = True
    return found


def _asks_for_validation(config: Any) -> bool:
    split = config["eval_args"]["split"]
    if config["benchmark_filename"] is not None:
        return True
    shares = split.get("RS") or split.get("TS") or [1, 1, 1]
    return split.get("LS") != "test_only" and shares[1] != 0


def _reason(config: Any, splits: Sequence[Dataset], empty: Sequence[str]) -> str:
    """Say why parts are empty."""
    if config["benchmark_filename"] is not None:
        names = dict(zip(_PARTS, config["benchmark_filename"]))
        files = ", ".join(f"{config['dataset']}.{names[part]}.inter" for part in empty)
        return f"benchmark_filename: no row is left of {files}"
    rows = _rows_per_user(splits)
    kind, value = next(iter(config["eval_args"]["split"].items()))
    if value == "valid_only":
        return "eval_args: LS valid_only asks for no test rows; write valid_and_test or test_only"
    n_users, most = np.count_nonzero(rows), int(rows.max(initial=0))
    if kind != "LS":
        words = f"{rows.sum()} rows to predict ({n_users} users have at most {most})"
        return f"eval_args: {kind} {value} leaves nothing of {words}"
    needed = max(n for n, part in zip(_ROWS_NEEDED[value], _PARTS) if part in empty)
    if config["MODEL_TYPE"] == ModelType.SEQUENTIAL:  # nothing predicts a user's first row
        needed, most = needed + 1, most + 1
    return (
        f"eval_args: no user has the {needed} rows that LS {value} needs ({n_users} users have at "
        f"most {most})"
    )


def _rows_per_user(splits: Sequence[Dataset]) -> np.ndarray:
    """Count the rows of each user in all `splits` together, (n_users,) int64."""
    users = [split.inter_feat[split.uid_field].numpy() for split in splits]
    return np.bincount(np.concatenate(users), minlength=splits[0].user_num)
