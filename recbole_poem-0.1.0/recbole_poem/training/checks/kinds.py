"""What kind of value a key takes: a mapping, or what its default is.

RecBole reads keys without looking at them, so that text for a number fails deep inside torch.
"""

import math
import re
from typing import Any, Dict, List, Optional

from recbole_poem.core.errors import InputError

#: keys that take a mapping, each with one that shows how to write it
MAPPINGS = {
    "load_col": "{inter: [user_id, item_id, timestamp]}",
    "unload_col": "{inter: [rating]}",
    "unused_col": "{inter: [rating]}",
    "eval_args": "{split: {LS: valid_and_test}, order: TO, group_by: user, mode: full}",
    "train_neg_sample_args": "{distribution: uniform, sample_num: 1}",
    "threshold": "{rating: 4}",
    "val_interval": '{rating: "[4,inf)"}',
    "clip_grad_norm": "{max_norm: 5}",
    "seq_len": "{class: 10}",
    "positive_feedback": '{rating: "[4,inf)"}',
    "preload_weight": "{item_id: item_emb}",
    "discretization": "{price: {method: ED, bucket: 10}}",
    "fields": "{0: [user_id], 1: [item_id]}",
}
#: keys that take a list of columns
_LISTS = (
    "normalize_field",
    "alias_of_user_id",
    "alias_of_item_id",
    "alias_of_entity_id",
    "alias_of_relation_id",
)
#: those among them that name columns by the file they stand in
_COLUMNS = ("load_col", "unload_col", "unused_col")

_BLANK = re.compile(r"[\w-]+:\S")
#: words of a name that tell a weight or a share from a number of things
_REAL = ("weight", "ratio", "prob", "margin", "decay", "rate")


def check_mappings(keys: Dict[str, Any]) -> None:
    """Refuse a value that has to be a mapping and is none.

    Parameters
    ----------
    keys : dict
        Of a final configuration.

    Raises
    ------
    InputError
        For another value, a blank that is missing behind a colon, and columns that are no list.
    """
    for key, example in MAPPINGS.items():
        value = keys.get(key)
        if value is None:
            continue
        glued = _without_blank(value)
        if glued is not None:
            raise InputError(f"{key}: write a blank behind the colon of '{glued}': {example}")
        if not isinstance(value, dict):
            raise InputError(f"{key}: expected a mapping such as {example}, not {value!r}")
        if key in _COLUMNS:
            _check_columns(key, value, example)
        elif key == "threshold":
            _check_threshold(value)


def check_lists(keys: Dict[str, Any]) -> None:
    """Refuse a value that has to be a list of columns and is none.

    Parameters
    ----------
    keys : dict
        Of a final configuration.

    Raises
    ------
    InputError
        For another value.
    """
    for key in _LISTS:
        value = keys.get(key)
        if value is not None and not (isinstance(value, list) and _are_names(value)):
            raise InputError(f"{key}: expected a list of columns such as [rating], not {value!r}")


def _are_names(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(name, str) for name in values)


def _without_blank(value: Any) -> Optional[str]:
    """Return what YAML took for text, or for a key without a value, where a blank is missing."""
    if isinstance(value, str) and _BLANK.match(value.lstrip("{ ")):
        return value
    if not isinstance(value, dict):
        return None
    glued = [name for name, held in value.items() if held is None and _BLANK.match(str(name))]
    glued += [held for held in map(_without_blank, value.values()) if held is not None]
    return str(glued[0]) if glued else None


def _check_columns(key: str, value: Dict[Any, Any], example: str) -> None:
    for source, columns in value.items():
        is_all = columns == "*" and key == "load_col"
        if not isinstance(source, str) or not (_are_names(columns) or is_all):
            allowed = "a list of columns or '*'" if key == "load_col" else "a list of columns"
            raise InputError(
                f"{key}: expected {allowed} under '{source}', as in {example}, not {columns!r}"
            )


def _check_threshold(value: Dict[Any, Any]) -> None:
    numbers = [each for each in value.values() if isinstance(each, (int, float))]
    if len(value) != 1 or len(numbers) != 1:
        raise InputError(f"threshold: expected one column and a number, {{rating: 4}}, not {value}")


def check_kinds(given: Dict[str, Any], defaults: Dict[str, Any], ruled: List[str]) -> None:
    """Refuse a value of another kind than its default.

    Parameters
    ----------
    given : dict
        Keys that the user gave.
    defaults : dict
        Keys of the model and RecBole, with their defaults.
    ruled : list of str
        Keys that are checked elsewhere.

    Raises
    ------
    InputError
        For the first such value.
    """
    for key, value in given.items():
        if key in defaults and key not in ruled and key not in MAPPINGS:
            words = _refused(key, value, defaults[key])
            if words is not None:
                raise InputError(f"{key}: expected {words}, not {value!r}")


def _refused(key: str, value: Any, default: Any) -> Optional[str]:
    """Return what a key takes if that is not what it was given."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "True or False"
    if isinstance(default, (int, float)):
        return _refused_number(key, value, default)
    if isinstance(default, list) and key not in ("metrics", "topk"):
        return _refused_list(key, value, default)
    if isinstance(default, str) and not key.endswith("_interval"):
        is_other = isinstance(value, (bool, int, float, list, tuple, dict))
        return f"text such as {default!r}" if is_other else None
    return None


def _refused_number(key: str, value: Any, default: Any) -> Optional[str]:
    if default in (0, 1) and isinstance(default, int) and isinstance(value, bool):
        return None  # RecBole writes some flags as 0 and 1
    if isinstance(value, (list, tuple)) and "weight" in key:
        return None  # some models take one weight or several
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        return f"a number such as {default}"
    if key.endswith("_size") or key in ("n_heads", "n_layers", "num_heads", "num_layers"):
        return None if isinstance(value, int) and value >= 1 else "a whole number from 1"
    if key == "MAX_ITEM_LIST_LENGTH":
        return None if isinstance(value, int) and value >= 1 else "a whole number from 1"
    if isinstance(default, int) and default > 1 and not any(word in key for word in _REAL):
        return None if isinstance(value, int) and value >= 0 else "a whole number from 0"
    if "dropout" in key or key.endswith("_prob"):
        return None if 0 <= value <= 1 else "a number from 0 to 1"
    return None


def _refused_list(key: str, value: Any, default: List[Any]) -> Optional[str]:
    if not isinstance(value, (list, tuple)):
        return None if "weight" in key else f"a list such as {default}"
    if default and isinstance(default[0], str):
        return None if all(isinstance(part, str) for part in value) else "a list of names"
    if default and isinstance(default[0], int):
        whole = all(isinstance(p, int) and not isinstance(p, bool) and p >= 1 for p in value)
        return None if whole else f"a list of whole numbers from 1 such as {default}"
    if default and isinstance(default[0], float):
        return (
            None
            if all(_refused_number(key, p, 0.5) is None for p in value)
            else (f"a list of numbers such as {default}")
        )
    return None
