"""A checkpoint and the data set it was trained on, opened to answer."""

import hashlib
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional

import numpy as np
import torch
from recbole.model.abstract_recommender import SequentialRecommender

from recbole_poem.core import recbole_warnings
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import States, states
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.data.known_tokens import KnownTokens, are_same
from recbole_poem.logits.on_top import with_terms
from recbole_poem.models.upstream import Upstream
from recbole_poem.training import checkpoint
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.training.item_parts import dense_keys
from recbole_poem.training.restoring import load_weights


class Loaded(NamedTuple):
    """What a checkpoint stands for.

    Attributes
    ----------
    config : Config
    model : SequentialRecommender
        With the weights of the best epoch, in evaluation mode.
    dataset : Dataset
        The training split, whose items the model knows.
    name : str
        Of the checkpoint: its file's name, and a hash of its content.
    files : dict, optional
        What the files of the data set were when it was read; see `recbole_poem.core.files.states`.
    """

    config: Config
    model: SequentialRecommender
    dataset: Any
    name: str
    files: Optional[States] = None


@recbole_warnings.ignored()
def open_checkpoint(
    path: str, config_dict: Optional[Dict[str, Any]] = None, former: Optional[Loaded] = None
) -> Loaded:
    """Load the best epoch of a checkpoint that the command wrote, of any sequential model.

    The data set is read for its items, which have to be those of the training; its rows may come in
    another order, and its users may be new or missing. No request cache is built or opened.

    Parameters
    ----------
    path : str
    config_dict : dict, optional
        Keys to change, such as ``data_path`` or ``gpu_id``.
    former : Loaded, optional
        What the same file stood for before; its data set is used again where keys, tokens and the
        data set's files are the same.

    Raises
    ------
    InputError
        If the file is missing, cut short, foreign, does not fit its data set any more, or is of a
        model that is not sequential.
    """
    found = _read(path, config_dict)
    config = found.config
    if not issubclass(config.model_class, SequentialRecommender):
        name = config.model_class.__name__
        raise InputError(f"{path}: {name} is not sequential, it knows its users by number alone")
    if issubclass(config.model_class, Upstream):
        name = config.model_class.__name__
        raise InputError(f"{path}: {name} is the ranking stage itself, it reads no history")
    return _loaded(found, former)


@recbole_warnings.ignored()
def open_part(path: str, config_dict: Optional[Dict[str, Any]] = None) -> Loaded:
    """Load a checkpoint for a part of its model, as `open_checkpoint`; it need not recommend.

    Raises
    ------
    InputError
        As `open_checkpoint`, but for models that cannot answer.
    """
    return _loaded(_read(path, config_dict))


class _Read(NamedTuple):
    """A checkpoint as it was read: its file, content, configuration now, and name."""

    path: str
    state: Dict[str, Any]
    config: Config
    name: str


def _read(path: str, config_dict: Optional[Dict[str, Any]]) -> _Read:
    state, digest = checkpoint.read(path), _digest(path)
    given = {**state["keys"], "hide_target": False}
    given = laid(given, config_dict or {}, dense_keys(state))
    given = {key: value for key, value in given.items() if key != "nproc"}
    name = given.pop("model")
    config = Config(name, given.pop("dataset"), config_dict=given)
    return _Read(path, state, config, f"{Path(path).name} {digest}")


def _loaded(found: _Read, former: Optional[Loaded] = None) -> Loaded:
    path, state, config, name = found
    files = states(Path(config["data_path"]))
    if former is not None and former.files == files and _is_same(former, config, state["tokens"]):
        train = former.dataset
    else:
        train = create_dataset(config, KnownTokens(str(path), state["tokens"])).build()[0]
    if isinstance(train, POEMDataset):
        names = state["other_parameter"].get("objectives")
        if not isinstance(names, list):
            raise InputError(f"{path}: the checkpoint names no objectives; train it again")
        train.objectives = tuple(map(str, names))
    model = with_terms(config.model_class, config)(config, train).to(config["device"])
    load_weights(model, state, path, train)
    return Loaded(config, model.eval(), train, name, files)


def _is_same(former: Loaded, config: Config, tokens: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether a data set that was read is what it would be for other weights."""
    same_keys = former.config.given() == config.given()
    return same_keys and are_same(former.dataset.known.packed, tokens)


def _digest(path: str) -> str:
    """Return the beginning of a file's hash."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def popularity(dataset: Any) -> np.ndarray:
    """Return the share of each item in the training rows, (n_items,) float32."""
    log = dataset.log
    count = np.bincount(log.item[log.training], minlength=log.n_items)
    return (count / max(count.sum(), 1)).astype(np.float32)
