"""Loops over pairs of users, compiled to machine code when they are first called.

Swing adds for every pair of users to every pair of items they share. No primitive of torch,
scipy or DGL does so without multiplying what is mostly zeros or listing the pairs in memory, and
loops are the plain form of the sum anyway.

Indices are unsigned in these loops: a signed one is checked for its sign at every access, which
takes longer than the addition. Signed and unsigned numbers must not be mixed in arithmetic, for
numba makes a float of them: hence `ONE`.
"""

from typing import Any, Callable

import numba
import numpy as np

ONE = np.uint64(1)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function to machine code that runs without Python's lock, threads side by side.

    The code is kept on disk for the next process, beside the file or in the user's cache. numba
    makes it anew when that file changes, and not when a compiled function does that it calls in
    another file: whoever changes one of those removes the kept code (``*.nbi`` and ``*.nbc``).
    """
    compiling = numba.njit(nogil=True, error_model="numpy")
    kept = numba.njit(nogil=True, error_model="numpy", cache=True)
    try:
        return kept(function)
    except RuntimeError:  # there is no folder that it could be kept in: every process compiles
        return compiling(function)
