"""A checkpoint put to use: its tokens, its weights, and whether the data still are those.

Who opens a checkpoint gives its tokens to the data set (`tokens_of`), which then numbers its own as
the training did and refuses other items. Whether new users matter is known by the sizes of the
weights (`load_weights`). A training that goes on wants the very same data (`check_same_data`).
"""

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Union

import numpy as np

from recbole_poem import checkpoint
from recbole_poem.data.known_tokens import KnownTokens, are_same, named, packed
from recbole_poem.errors import InputError


def tokens_of(path: Union[str, Path]) -> KnownTokens:
    """Read the tokens of a checkpoint, to number a data set by."""
    return KnownTokens(str(path), checkpoint.read(path)["tokens"])


def data_of(train: Any) -> Dict[str, Any]:
    """Return what a checkpoint keeps of its training split: ``tokens`` and ``rows``."""
    return {"tokens": packed(train), "rows": len(train)}


def check_same_data(state: Dict[str, Any], train: Any, path: Union[str, Path]) -> None:
    """Refuse to go on with a training on other data than before.

    A run that resumes repeats what an uninterrupted one does. So new and missing users, which an
    evaluation takes, are refused here, and so is another number of training rows. The rows of the
    file may come in another order.

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
    words = [*_told(train.newcomers, "new"), *_told(train.absentees, "missing")]
    if not words and now["rows"] != state["rows"]:
        words = [f"there are {now['rows']} training rows, and there were {state['rows']}"]
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
    newcomers: Optional[Mapping[str, np.ndarray]] = None,
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
    newcomers : mapping, optional
        Tokens of the data set, by field, that the training had not. They are refused where the
        model has weights for each, as BPR has for users; most sequential models have not.

    Raises
    ------
    InputError
        If they do not fit: the data set or the keys are not those of the training.
    """
    name = type(model).__name__
    other = checkpoint.restore(state["other_parameter"])
    known, meant = getattr(model, "objectives", None), other.get("objectives")
    if known is not None and meant is not None and list(known) != list(meant):
        raise InputError(
            f"{path}: was trained on the objectives {', '.join(meant)}, and the data set's entries "
            f"have {', '.join(known)}"
        )
    own = model.other_parameter()
    other = {key: value for key, value in other.items() if key in own and value is not None}
    then, now = {**state["state_dict"], **other}, {**model.state_dict(), **own}
    strangers = _without_weights(newcomers or {}, then, now)
    if strangers:
        raise InputError(
            f"{path}: {name} has weights for each {' and '.join(strangers)} of the training, and "
            f"{', '.join(_told(strangers, 'new'))}; leave their rows out, or train again"
        )
    try:
        model.load_state_dict(state["state_dict"])
    except RuntimeError as error:
        raise InputError(
            f"{path}: its weights do not fit the {name} that its data set and keys "
            f"make now; were they changed since? ({str(error).splitlines()[-1].strip()})"
        ) from error
    model.load_other_parameter(other)


def _without_weights(
    newcomers: Mapping[str, np.ndarray], then: Mapping[str, Any], now: Mapping[str, Any]
) -> Mapping[str, np.ndarray]:
    """Return the newcomers by whose number some weight has grown; all, if by all together."""
    growth = set()
    for key in set(then) & set(now):
        sizes = [getattr(value, "shape", ()) for value in (then[key], now[key])]
        if len(sizes[0]) == len(sizes[1]):
            growth |= {after - before for before, after in zip(*sizes)}
    found = {field: tokens for field, tokens in newcomers.items() if len(tokens)}
    alone = {field: tokens for field, tokens in found.items() if len(tokens) in growth}
    return alone or (found if sum(map(len, found.values())) in growth - {0} else {})


def _told(tokens_of_fields: Mapping[str, np.ndarray], what: str) -> List[str]:
    """Say how many tokens of each field are, for instance, new, and which."""
    return [
        f"{len(tokens)} of {field} {'are' if len(tokens) > 1 else 'is'} {what}: {named(tokens)}"
        for field, tokens in tokens_of_fields.items()
        if len(tokens)
    ]
