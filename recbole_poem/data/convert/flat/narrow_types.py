"""The narrowest type that holds a column of numbers exactly, to the bit."""

from typing import List

import numpy as np

TYPES = (np.uint8, np.int16, np.int32, np.float32)


class NarrowType:
    """Finds the type of a column of float64 that comes part by part.

    Attributes
    ----------
    n_missing : int
        Numbers that are none.
    """

    def __init__(self) -> None:
        self._left: List[type] = [*TYPES]
        self.n_missing = 0

    def narrowed(self, part: np.ndarray) -> np.ndarray:
        """Take notice of a part (N,) float64, and return it in the narrowest type of its own."""
        self.n_missing += int(np.isnan(part).sum())
        fitting = [kind for kind in TYPES if _holds(kind, part)]
        self._left = [kind for kind in self._left if kind in fitting]
        return part.astype(fitting[0]) if fitting else part

    @property
    def dtype(self) -> np.dtype:
        """The narrowest type for all parts so far."""
        return np.dtype(self._left[0] if self._left else np.float64)


def _holds(kind: type, values: np.ndarray) -> bool:
    """Tell whether `values` come back from a type with every bit, the sign of a zero included."""
    with np.errstate(invalid="ignore", over="ignore"):  # what does not fit comes back otherwise
        back = values.astype(kind).astype(np.float64)
    return bool(np.array_equal(back.view(np.int64), values.view(np.int64)))
