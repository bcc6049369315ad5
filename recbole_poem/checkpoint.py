"""Checkpoints of tensors and plain values: written whole or not at all, read without running code.

``torch.load(path, weights_only=True)`` opens them. One file holds the best epoch, which evaluation
loads, and the last one, which ``--resume`` continues:

========================  ==========================================================================
``format``                the name and version of this layout
``config``                the keys that the user gave, with ``model`` and ``dataset``
``state_dict``            weights of the best epoch
``other_parameter``       what RecBole's models keep beside their weights, of the best epoch
``last_state_dict``       weights of the last epoch
``average``               `WeightAverage.state_dict` after the last epoch, or None
``optimizer``             state of the optimizer after the last epoch
``epoch``                 the last epoch, from 0
``finished``              whether training had ended by itself
``cur_step``              evaluations without a better score
``best_valid_score``      float
``best_valid_result``     dict of metric to float, or None
``tokens``                hash of the data set's user and item tokens, in the order of their ids
========================  ==========================================================================
"""

import hashlib
import pickle
from enum import Enum
from logging import getLogger
from pathlib import Path
from typing import Any, Dict, Mapping, Union

import numpy as np
import torch
from scipy import sparse
from torch import nn

from recbole_poem.errors import InputError
from recbole_poem.files import whole_file

FORMAT = "recbole_poem checkpoint 1"

_CONTENT = {
    "config": dict,
    "state_dict": dict,
    "other_parameter": dict,
    "last_state_dict": dict,
    "optimizer": dict,
    "epoch": int,
    "finished": bool,
    "cur_step": int,
    "best_valid_score": float,
    "tokens": str,
}
_ARRAY, _SPARSE = "numpy array", "scipy csr matrix"


def write(path: Union[str, Path], state: Dict[str, Any]) -> None:
    """Write `state` to `path` atomically: a kill at any moment leaves the file that was there.

    Raises
    ------
    InputError
        If it cannot be written; the file that was there stays.
    """
    try:
        with whole_file(Path(path)) as file:
            torch.save({"format": FORMAT, **state}, file)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"checkpoint_dir: {path} cannot be written: {reason}") from error


def read(path: Union[str, Path]) -> Dict[str, Any]:
    """Read a checkpoint into main memory; nothing that the file holds is executed.

    Raises
    ------
    InputError
        If the file is missing, cut short, or was not written by `write`.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such checkpoint") from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: refused, and nothing in it executed: it holds more than tensors and plain "
            "values, so it is damaged or not a checkpoint of recbole_poem"
        ) from error
    except Exception as error:
        # torch's readers of three formats meet damage with a dozen kinds of exception
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: the checkpoint is cut short or damaged ({words})") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError(f"{path}: this is not a checkpoint of recbole_poem ('{FORMAT}')")
    for key, kind in _CONTENT.items():
        if not isinstance(state.get(key), kind):
            raise InputError(f"{path}: the checkpoint's '{key}' is missing or no {kind.__name__}")
    return state


def newest(folder: Union[str, Path], dataset: str) -> Path:
    """Return the youngest checkpoint of a data set in a folder; files that are none are told.

    Raises
    ------
    InputError
        If there is none.
    """
    found = [(path.stat().st_mtime, path) for path in Path(folder).glob("*.pth")]
    for _, path in sorted(found, reverse=True):
        try:
            if read(path)["config"].get("dataset") == dataset:
                return path
        except InputError as error:
            getLogger().warning(f"passed over: {error}")
    raise InputError(f"dataset: no checkpoint of '{dataset}' lies in {folder}; train one first")


def plain(value: Any, name: str) -> Any:
    """Return `value` as tensors and plain values; `restore` is the inverse.

    Modules, which the model builds anew and whose weights the state dict holds, become None.

    Raises
    ------
    TypeError
        Naming `name`, for a value that has no plain form.
    """
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str, torch.Tensor)):
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, nn.Module):
        return None
    if isinstance(value, np.ndarray) and value.dtype != object:
        return {_ARRAY: torch.from_numpy(np.ascontiguousarray(value))}
    if sparse.issparse(value):
        csr = value.tocsr()
        parts = {part: plain(getattr(csr, part), name) for part in ("data", "indices", "indptr")}
        return {_SPARSE: {**parts, "shape": [int(size) for size in csr.shape]}}
    if isinstance(value, Mapping):
        return {plain(k, name): plain(v, name) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(element, name) for element in value]
    raise TypeError(f"'{name}' of type {type(value).__name__} has no place in a checkpoint")


def restore(value: Any) -> Any:
    """Return what `plain` was given, arrays and matrices included."""
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return value[_ARRAY].cpu().numpy()
        if set(value) == {_SPARSE}:
            parts = {part: restore(content) for part, content in value[_SPARSE].items()}
            shape = tuple(parts.pop("shape"))
            return sparse.csr_matrix((parts["data"], parts["indices"], parts["indptr"]), shape)
        return {key: restore(content) for key, content in value.items()}
    if isinstance(value, list):
        return [restore(element) for element in value]
    return value


def token_hash(dataset: Any) -> str:
    """Hash the user and item tokens of a data set in the order of their ids."""
    digest = hashlib.blake2b(digest_size=16)
    for field in (dataset.uid_field, dataset.iid_field):
        digest.update("\n".join(map(str, dataset.field2id_token[field])).encode())
    return digest.hexdigest()


def check_tokens(state: Dict[str, Any], dataset: Any, path: Union[str, Path]) -> None:
    """Raise `InputError` unless the ids of `dataset` mean what they meant at the training."""
    if state["tokens"] != token_hash(dataset):
        raise InputError(
            f"{path}: was trained on other users or items than {dataset.dataset_name} holds now"
        )


def load_weights(model: Any, state: Dict[str, Any], path: Union[str, Path]) -> None:
    """Give `model` the weights of the best epoch.

    Raises
    ------
    InputError
        If they do not fit: the data set or the keys are not those of the training.
    """
    other = restore(state["other_parameter"])
    names = model.other_parameter()
    known, meant = getattr(model, "objectives", None), other.get("objectives")
    if known is not None and meant is not None and list(known) != list(meant):
        raise InputError(
            f"{path}: was trained on the objectives {', '.join(meant)}, and the data set's entries "
            f"have {', '.join(known)}"
        )
    try:
        model.load_state_dict(state["state_dict"])
    except RuntimeError as error:
        raise InputError(
            f"{path}: its weights do not fit the {type(model).__name__} that its data set and keys "
            f"make now; were they changed since? ({str(error).splitlines()[-1].strip()})"
        ) from error
    model.load_other_parameter({k: v for k, v in other.items() if k in names and v is not None})
