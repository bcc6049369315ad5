"""Checkpoints of tensors and plain values: written whole or not at all, read without running code.

``torch.load(path, weights_only=True)`` opens them. One file holds the best epoch, which evaluation
loads, and the last one, which ``--resume`` continues:

========================  ==========================================================================
``format``                the name and version of this layout
``config``                a word to RecBole's ``load_data_and_model``
``keys``                  the keys that the user gave, with ``model`` and ``dataset``
``state_dict``            weights of the best epoch
``other_parameter``       what RecBole's models keep beside their weights, of the best epoch
``last_state_dict``       weights of the last epoch
``average``               `WeightAverage.state_dict` after the last epoch, or None
``beside_weights``        what else RecBole's models have changed since their first step, or None
``optimizer``             state of the optimizer after the last epoch
``more_optimizers``       of trainers that have several, the states of the others
``epoch``                 the last epoch, from 0
``best_epoch``            whose weights ``state_dict`` are, from 0
``cur_step``              evaluations without a better score
``best_valid_score``      float
``best_valid_result``     dict of metric to float, or None
``tokens``                the data set's tokens by field; see `recbole_poem.data.known_tokens`
``rows``, ``row_hash``    number of training rows, and hash of their users and items
``item_table``            only where item rows are in parts: which; see `training.item_parts`
========================  ==========================================================================
"""

import pickle
import zipfile
from collections import OrderedDict
from enum import Enum
from logging import getLogger
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import numpy as np
import torch
from scipy import sparse
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file

FORMAT = "recbole_poem checkpoint 4"
#: in place of a path: the youngest checkpoint there is
LATEST = "latest"
_ANY_FORMAT = "recbole_poem checkpoint "
_ZIP = b"PK"  # how files of torch.save begin

_CONTENT = {
    "keys": dict,
    "state_dict": dict,
    "other_parameter": dict,
    "last_state_dict": dict,
    "optimizer": dict,
    "more_optimizers": list,
    "epoch": int,
    "best_epoch": int,
    "cur_step": int,
    "best_valid_score": float,
    "tokens": dict,
    "rows": int,
    "row_hash": str,
}
_ARRAY, _SPARSE = "numpy array", "scipy csr matrix"


def _word_to_recbole() -> "OrderedDict[str, Any]":
    """Return a configuration with which RecBole's ``load_data_and_model`` names ours, and fails.

    That function imports nothing of the plugin: it seeds, opens its log, and looks for the kind of
    the model, in whose place a KeyError finds the words. Bytes would end it sooner, but torch reads
    none in weights before 2.5.
    """
    word = "a checkpoint of recbole_poem: open it with recbole_poem.load(path)"
    names = {"model": "recbole_poem", "dataset": "checkpoint", "state": "ERROR"}
    config = OrderedDict(seed=2020, reproducibility=False, **names, MODEL_TYPE=word)
    config.final_config_dict = {}  # type: ignore[attr-defined]
    return config


def write(path: Union[str, Path], state: Dict[str, Any]) -> None:
    """Write `state` to `path` atomically: a kill at any moment leaves the file that was there.

    Raises
    ------
    InputError
        If it cannot be written; the file that was there stays.
    """
    save(Path(path), {"format": FORMAT, "config": _word_to_recbole(), **state})


def save(path: Path, content: Dict[str, Any]) -> None:
    """Write what ``torch.load`` opens, as `write` does.

    Raises
    ------
    InputError
        If it cannot be written.
    KeyboardInterrupt
        For Ctrl-C, which torch turns into a RuntimeError where it comes while torch writes.
    """
    try:
        with whole_file(path) as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError as well
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"checkpoint_dir: {path} cannot be written: {reason}") from error


def read(path: Union[str, Path]) -> Dict[str, Any]:
    """Read a checkpoint into main memory; nothing that the file holds is executed.

    Raises
    ------
    InputError
        If the file is missing, cut short or damaged, or was not written by `write` of this version.
    """
    if not isinstance(path, (str, Path)):
        raise InputError(f"expected the path of a checkpoint, not {path!r}")
    _check_file(Path(path))
    check_sums(Path(path))
    return _opened(Path(path), in_place=False)


def _opened(path: Path, in_place: bool) -> Dict[str, Any]:
    """Return what a file holds; `in_place` leaves its tensors there until they are looked at."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=in_place)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: refused, and nothing in it executed: it holds more than tensors and plain "
            "values, so it is not a checkpoint of recbole_poem; name one that its training wrote"
        ) from error
    except Exception as error:
        # torch's readers of three formats meet damage with a dozen kinds of exception
        raise _damaged(path) from error
    found = state.get("format") if isinstance(state, dict) else None
    if isinstance(found, str) and found.startswith(_ANY_FORMAT) and found != FORMAT:
        raise InputError(
            f"{path}: was written by another version of recbole_poem ('{found}', this one reads "
            f"'{FORMAT}'); train it again"
        )
    if found != FORMAT:
        raise InputError(
            f"{path}: this is not a checkpoint of recbole_poem ('{FORMAT}'); name a .pth file that "
            "its training wrote"
        )
    for key, kind in _CONTENT.items():
        if not isinstance(state.get(key), kind):
            raise InputError(f"{path}: the checkpoint's '{key}' is missing or no {kind.__name__}")
    return state


def _check_file(path: Path) -> None:
    """Refuse, in the words of what it is, a path that is no file of torch.save."""
    if path.is_dir():
        found = [file for _, file in _youngest_first(path)]
        hint = f"name a checkpoint in it, such as {found[0]}" if found else "there is none in it"
        raise InputError(f"{path} is a folder, not a checkpoint; {hint}")
    try:
        with path.open("rb") as file:
            begin = file.read(len(_ZIP))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such checkpoint") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not begin:
        raise InputError(f"{path}: the file is empty; name a checkpoint that a training wrote")
    if begin != _ZIP:
        raise InputError(
            f"{path}: this is not a checkpoint of recbole_poem, and nothing in it was executed; "
            "name a .pth file that a training wrote"
        )


def check_sums(path: Path) -> None:
    """Refuse a file whose parts are not what was written: torch compares no sums of its own."""
    try:
        with zipfile.ZipFile(path) as file:
            changed = file.testzip()
    except Exception as error:  # of headers that are damaged: a dozen kinds
        raise _damaged(path) from error
    if changed is not None:
        raise _damaged(path)


def _damaged(path: Union[str, Path]) -> InputError:
    return InputError(
        f"{path}: the checkpoint is cut short or damaged; restore it, or train it again"
    )


def _youngest_first(folder: Path) -> List[Tuple[float, Path]]:
    """List the files of a folder that may be checkpoints, with when they were written."""
    return sorted(((path.stat().st_mtime, path) for path in folder.glob("*.pth")), reverse=True)


def located(path: str, keys: Mapping[str, Any]) -> str:
    """Return the checkpoint that is meant: `path`, or of the word ``latest`` the youngest one.

    Parameters
    ----------
    path : str
        A file that is called ``latest`` is ``./latest``.
    keys : mapping
        Of the configuration: ``checkpoint_dir`` is where the youngest lies (``saved``), and
        ``dataset`` whose it is, where that is given.

    Raises
    ------
    InputError
        If there is none.
    """
    if str(path) != LATEST:
        return path
    found = str(newest(keys.get("checkpoint_dir", "saved"), keys.get("dataset")))
    getLogger().info(f"checkpoint: {found} is the latest")
    return found


def newest(folder: Union[str, Path], dataset: Optional[str] = None) -> Path:
    """Return the youngest checkpoint in a folder, of a data set or of any; others are told.

    Raises
    ------
    InputError
        If there is none.
    """
    others = set()
    for _, path in _youngest_first(Path(folder)):
        try:
            _check_file(path)
            found = _opened(path, in_place=True)["keys"].get("dataset")
            if dataset in (None, found):
                check_sums(path)
                return path
        except InputError as error:
            getLogger().warning(f"passed over: {error}")
            continue
        others.add(str(found))
    if dataset is None:
        raise InputError(
            f"checkpoint: none lies in {folder}; train one first, or name another folder with "
            "--checkpoint_dir"
        )
    there = f" (those there are of {', '.join(sorted(others))})" if others else ""
    raise InputError(
        f"dataset: no checkpoint of '{dataset}' lies in {folder}{there}; train one first, or name "
        "another folder with --checkpoint_dir"
    )


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
