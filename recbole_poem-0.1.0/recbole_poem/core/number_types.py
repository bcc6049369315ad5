"""What counts as a number: Python's and numpy's numbers do, truth values and dates never do."""

from math import isfinite
from pathlib import PurePath
from typing import Any, Set

import numpy as np

_WHOLE = (int, np.integer)
_NUMBERS = (int, float, np.integer, np.floating)
_NONE = (bool, np.timedelta64)  # which Python and numpy take for whole numbers


def is_whole_type(kind: type) -> bool:
    """Tell whether values of a type are whole numbers."""
    return issubclass(kind, _WHOLE) and not issubclass(kind, _NONE)


def is_number_type(kind: type) -> bool:
    """Tell whether values of a type are numbers, NaN and infinity included."""
    return issubclass(kind, _NUMBERS) and not issubclass(kind, _NONE)


def is_whole_number(value: Any) -> bool:
    """Tell whether a value is a whole number; 3.0 is none."""
    return is_whole_type(type(value))


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return is_whole_number(value) or (is_number_type(type(value)) and isfinite(value))


def types_of(values: Any) -> Set[type]:
    """Return the types that occur among values; an array or tensor tells at a glance."""
    dtype = getattr(values, "dtype", None)
    if dtype is None:
        return set(map(type, values))
    kind = dtype.type if hasattr(dtype, "type") else np.asarray(values).dtype.type
    return set(map(type, values)) if issubclass(kind, np.object_) else {kind}


def plain(value: Any) -> Any:
    """Return a value with Python's numbers in place of numpy's, those in lists and dicts too.

    A path becomes the text that names it.
    """
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, list):
        return list(map(plain, value))
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value
