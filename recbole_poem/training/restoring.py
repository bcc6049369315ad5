"""A checkpoint put to use: its tokens, its weights, and whether the data still are those.

Who opens a checkpoint gives its tokens to the data set (`tokens_of`), which then numbers its own as
the training did and refuses other items. Whether new users matter is known by the sizes of the
weights (`load_weights`). A training that goes on wants the very same data (`check_same_data`).
"""

import hashlib
from pathlib import Path
from textwrap import shorten
from typing import Any, Dict, Mapping, Sequence, Union

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.data.known_tokens import KnownTokens, are_same, packed, told
from recbole_poem.data.rows import in_parts
from recbole_poem.log.requests import ROWS_AT_ONCE
from recbole_poem.training import checkpoint
from recbole_poem.training.item_parts import best_weights


def tokens_of(path: Union[str, Path]) -> KnownTokens:
    """Read the tokens of a checkpoint, to number a data set by."""
    return KnownTokens(str(path), checkpoint.read(path)["tokens"])


def data_of(train: Any) -> Dict[str, Any]:
    """Return what a checkpoint keeps of its training split: ``tokens``, ``rows``, ``row_hash``."""
    digest = hashlib.blake2b(digest_size=16)
    suffix = train.config["LIST_SUFFIX"]
    for field in sorted(field for field in train.inter_feat if not field.endswith(suffix)):
        for part in in_parts(train.inter_feat, field, ROWS_AT_ONCE):
            digest.update(part.numpy().tobytes())
    return {"tokens": packed(train), "rows": len(train), "row_hash": digest.hexdigest()}


def check_ids(state: Dict[str, Any], dataset: Any, path: Union[str, Path]) -> None:
    """Raise `InputError` unless the ids of `dataset` are those of a checkpoint's tokens."""
    ids = packed(dataset) if dataset.known is None else dataset.known.packed
    if not are_same(ids, state["tokens"]):
        raise InputError(
            f"{path}: its ids stand for other tokens than those of {dataset.dataset_path} as it is "
            "loaded; open it with recbole_poem.load(path)"
        )


def check_same_model(state: Mapping[str, Any], name: str, path: Union[str, Path]) -> None:
    """Raise `InputError` unless a checkpoint holds weights of the model `name`."""
    then = state["keys"].get("model")
    if then != name:
        raise InputError(f"{path}: holds weights of {then}, not of {name}; leave the key model out")


def check_same_data(state: Dict[str, Any], train: Any, path: Union[str, Path]) -> None:
    """Refuse to go on with a training on other data than before.

    A run that resumes repeats what an uninterrupted one does. So new and missing users, which an
    evaluation takes, are refused here, and so are other training rows. Those of the file may come
    in another order, but for rows of equal time.

    Parameters
    ----------
    state : dict
        Of the checkpoint.
    train : Dataset
        The training split, numbered by the tokens of `state`.
    path : str or Path
        Of the checkpoint.

    Raises
    ------
    InputError
        If the data are others.
    """
    now = data_of(train)
    words = [*told(train, train.newcomers, "new"), *told(train, train.absentees, "missing")]
    if not words and now["rows"] != state["rows"]:
        words = [f"there are {now['rows']} training rows, and there were {state['rows']}"]
    if not words and now["row_hash"] != state["row_hash"]:
        words = [
            "the training rows have other users, items, times or values, or ties in another order"
        ]
    if not words and not are_same(state["tokens"], now["tokens"]):
        words = ["other columns of tokens are loaded"]
    if words:
        raise InputError(
            f"{path}: resume goes on with the data of the training alone, but in "
            f"{train.dataset_path} {', '.join(words)}; give the same data and keys, or train again"
        )


def load_weights(
    model: Any,
    state: Dict[str, Any],
    path: Union[str, Path],
    dataset: Any = None,
) -> None:
    """Give `model` the weights of the best epoch.

    Parameters
    ----------
    model : AbstractRecommender
        As its data set and keys make it.
    state : dict
        Of the checkpoint.
    path : str or Path
        Of the checkpoint.
    dataset : Dataset, optional
        Numbered by the tokens of `state`. Those that are new are refused where the model has
        weights for each, as BPR has for users; most sequential models have not.

    Raises
    ------
    InputError
        If they do not fit: the model, the data set or the keys are not those of the training.
    """
    name = type(model).__name__
    check_same_model(state, name, path)
    other = checkpoint.restore(state["other_parameter"])
    known, meant = getattr(model, "objectives", None), other.get("objectives")
    if known is not None and meant is not None and list(known) != list(meant):
        raise InputError(
            f"{path}: was trained on the objectives {', '.join(meant)}, and the rankings of the "
            f"data set have {', '.join(known)}"
        )
    weights, own = best_weights(model, state, path), model.other_parameter()
    other = {key: value for key, value in other.items() if key in own and value is not None}
    then, now = {**weights, **other}, {**model.state_dict(), **own}
    strangers = {} if dataset is None else _without_weights(dataset, then, now)
    if strangers:
        raise InputError(
            f"{path}: {name} has weights for each {' and '.join(strangers)} of the training, and "
            f"in {dataset.dataset_path} {', '.join(told(dataset, strangers, 'new'))}; leave their "
            "rows out, or train again"
        )
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = shorten(str(error).splitlines()[-1], 200, placeholder=" ...")
        raise InputError(
            f"{path}: its weights do not fit the {name} that its data set and keys make now; were "
            f"they changed since? ({reason})"
        ) from error
    model.load_other_parameter(other)


def load_optimizers(
    optimizers: Sequence[Any], state: Dict[str, Any], path: Union[str, Path]
) -> None:
    """Give the optimizers of a trainer their states after the last epoch.

    Learning rate and weight decay stay those of this run, whose keys may be new ones.

    Parameters
    ----------
    optimizers : sequence of torch.optim.Optimizer
    state : dict
        Of the checkpoint.
    path : str or Path
        Of the checkpoint.

    Raises
    ------
    InputError
        If they are of another kind, which has other settings, or not as many.
    """
    then = [state["optimizer"], *state["more_optimizers"]]
    settings = [
        [set(group) for group in of["param_groups"]]
        for of in (*then, *(each.state_dict() for each in optimizers))
    ]
    if settings[: len(then)] != settings[len(then) :]:
        raise InputError(
            f"{path}: resume goes on with the optimizer of the training, and this is another kind; "
            "give the same learner and ranker_optimizer, or train again"
        )
    for optimizer, of_then in zip(optimizers, then):
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict(of_then)
        for group, now in zip(optimizer.param_groups, groups):
            group.update({name: now[name] for name in ("lr", "weight_decay") if name in now})


def _without_weights(
    dataset: Any, then: Mapping[str, Any], now: Mapping[str, Any]
) -> Dict[str, np.ndarray]:
    """Return the new tokens of the fields by which weights have grown, of all where in doubt."""
    grown = set()
    for key in set(then) & set(now):
        sizes = [getattr(value, "shape", ()) for value in (then[key], now[key])]
        if len(sizes[0]) == len(sizes[1]):
            grown |= {pair for pair in zip(*sizes) if pair[0] != pair[1]}
    new = {field: tokens for field, tokens in dataset.newcomers.items() if len(tokens)}
    size = {field: dataset.num(field) for field in new}
    alone = {f: tokens for f, tokens in new.items() if (size[f] - len(tokens), size[f]) in grown}
    others = grown - {(size[field] - len(tokens), size[field]) for field, tokens in alone.items()}
    total = sum(map(len, new.values()))  # one table may hold the tokens of several fields
    return new if any(0 < after - before <= total for before, after in others) else alone
