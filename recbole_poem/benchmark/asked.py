"""What a plan may be asked for: each check ends in one sentence that names the argument."""

from typing import Any, Dict, Sequence, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.training.search_space import check_storable
from recbole_poem.training.several_processes import PROCESS_KEYS


def refuse_twice(name: str, values: Sequence[Any], remedy: str = "") -> None:
    """Refuse values of which two are the same.

    Raises
    ------
    InputError
        If there are such, with a `remedy` behind it.
    """
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{name}: {value!r} is there twice{remedy}")


def check_list(name: str, values: Any, kinds: Tuple[type, ...], words: str) -> None:
    """Refuse what is no list of values of some types, a truth value least of all.

    Parameters
    ----------
    name : str
    values : object
    kinds : tuple of type
    words : str
        What is expected, in the plural.

    Raises
    ------
    InputError
        For it, or the first of its values that is of none of the types.
    """
    if not isinstance(values, (list, tuple)):
        raise InputError(f"{name}: expected a list of {words}, not {values!r}")
    for value in values:
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(f"{name}: expected {words}, not {value!r}")


def check_mapping(name: str, keys: Any) -> None:
    """Refuse what is no mapping.

    Raises
    ------
    InputError
        For it.
    """
    if not isinstance(keys, dict):
        raise InputError(f"{name}: expected a mapping of keys to values, not {keys!r}")


def check_keys(name: str, keys: Dict[str, Any]) -> None:
    """Refuse keys that a run of a benchmark does not read, and values that JSON cannot hold.

    Raises
    ------
    InputError
        For the first of them.
    """
    for key in ("resume", *PROCESS_KEYS):
        if key in keys:
            raise InputError(f"{name}: {key}: each run begins anew, in one process; leave it out")
    check_storable(keys, f"{name}: ")
