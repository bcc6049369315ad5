"""Numbers and switches that users set: what they may be."""

from typing import Any

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number_type, is_whole_number, is_whole_type, types_of


def above_zero(**values: float) -> None:
    """Check bounds, by their names.

    Raises
    ------
    InputError
        For the first that is no number above 0; an infinite one is.
    """
    for name, value in values.items():
        if not is_number_type(type(value)) or not value > 0:
            raise InputError(f"{name}: expected a number above 0, not {value!r}")


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number from `least`, as int64 holds it.

    Raises
    ------
    InputError
        For anything else, named; truth values and 3.0 are none.
    """
    if not is_whole_number(value) or not least <= value < 2**63:
        raise InputError(f"{name}: expected a whole number from {least}, not {value!r}")
    return int(value)


def whole_numbers(name: str, values: Any) -> np.ndarray:
    """Return whole numbers from 0 as they are listed, (n,) int64.

    Raises
    ------
    InputError
        For anything else, named; a number from 2^63 among it.
    """
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise InputError(f"{name}: expected a list of whole numbers from 0, not {values!r}")
    if not all(map(is_whole_type, types_of(values))):
        for place, value in enumerate(values):
            if not is_whole_number(value):
                raise InputError(
                    f"{name}: expected whole numbers from 0, not {value!r} at place {place}"
                )
    try:
        found = np.asarray(values, dtype=np.int64)
    except OverflowError:
        found = np.array([-1])
    if (found < 0).any():  # which unsigned numbers from 2^63 become, too
        raise InputError(f"{name}: expected whole numbers from 0, below 2^63")
    return found


def switch(name: str, value: Any) -> bool:
    """Return a truth value.

    Raises
    ------
    InputError
        For anything else, named; ``"False"`` among it, which Python takes for true.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{name}: expected True or False, not {value!r}")
    return bool(value)
