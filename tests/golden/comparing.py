"""Arrays in brief, and what differs between frozen results and those of a run."""

import hashlib
import math
from typing import Any, Callable, List

import numpy as np

#: begins the names of checksums of floats, which hold on one kind of processor alone
BITS = "sha256"


def checksum(array: np.ndarray, dtype: str) -> str:
    """Return the checksum of an array's bytes, as numbers of a type."""
    return hashlib.sha256(np.ascontiguousarray(array, dtype).tobytes()).hexdigest()


def some_of(array: np.ndarray) -> List[float]:
    """Return five numbers from all over an array, none of them 0."""
    flat = array[array != 0]
    return [float(flat[place]) for place in np.linspace(0, flat.size - 1, 5).astype(int)]


IsSame = Callable[[Any, Any], bool]


def is_equal(frozen: Any, found: Any) -> bool:
    """Tell whether two values are equal to the last bit."""
    return bool(frozen == found)


def within(relative: float, absolute: float) -> IsSame:
    """Return what tells whether two values are equal, and floats so near each other."""

    def is_near(frozen: Any, found: Any) -> bool:
        if isinstance(frozen, float) and isinstance(found, float):
            return math.isclose(frozen, found, rel_tol=relative, abs_tol=absolute)
        return is_equal(frozen, found)

    return is_near


def without_bits(result: Any) -> Any:
    """Return a result less its checksums of floats."""
    if isinstance(result, list):
        return [without_bits(part) for part in result]
    if not isinstance(result, dict):
        return result
    kept = {name: part for name, part in result.items() if not name.startswith(BITS)}
    return {name: without_bits(part) for name, part in kept.items()}


def differences(frozen: Any, found: Any, is_same: IsSame, where: str) -> List[str]:
    """Name each value that is not the same, one line each."""
    if isinstance(frozen, dict) and isinstance(found, dict):
        names = sorted(set(frozen) | set(found))
        parts = [(frozen.get(name), found.get(name), f"{where}/{name}") for name in names]
    elif isinstance(frozen, list) and isinstance(found, list) and len(frozen) == len(found):
        parts = [(*pair, f"{where}/{place}") for place, pair in enumerate(zip(frozen, found))]
    elif is_same(frozen, found):
        return []
    else:
        return [f"{where}: {frozen!r:.60} is now {found!r:.60}"]
    return [line for one, other, of in parts for line in differences(one, other, is_same, of)]
