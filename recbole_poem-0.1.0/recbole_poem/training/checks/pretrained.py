"""Files of weights that some of RecBole's models start from."""

from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple

from recbole_poem.core.errors import InputError


class _Start(NamedTuple):
    is_asked_for: Callable[[Dict[str, Any]], bool]
    words: str


def _stage(keys: Dict[str, Any]) -> str:
    return str(keys.get("train_stage", "pretrain"))


#: key that names a file -> when it is needed
_FILES = {
    "pre_model_path": _Start(
        lambda keys: _stage(keys) not in ("pretrain", "actor_pretrain"), "this train_stage"
    ),
    "mf_pretrain_path": _Start(lambda keys: keys.get("use_pretrain") is True, "use_pretrain"),
    "mlp_pretrain_path": _Start(lambda keys: keys.get("use_pretrain") is True, "use_pretrain"),
    "warm_up": _Start(lambda keys: keys.get("phase") != "teacher_training", "this phase"),
    "pretrain_path": _Start(lambda keys: False, ""),
}


def check_pretrained(keys: Dict[str, Any]) -> None:
    """Refuse a start from a file that is not named, or not there.

    Parameters
    ----------
    keys : dict
        Of a configuration.

    Raises
    ------
    InputError
        For the first such key.
    """
    for key, start in _FILES.items():
        if key not in keys:
            continue
        path = keys[key]
        if not path and start.is_asked_for(keys):
            raise InputError(f"{key}: {start.words} starts from a checkpoint; name its file")
        if path and not Path(str(path)).is_file():
            raise InputError(f"{key}: there is no file {path}")
