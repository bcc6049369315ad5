"""The rankings that several readers have in common, each once.

A user's ranking is read at the request behind it, and where several rankings are read, at those
behind that as well. What was consumed since leaves it: so it is read as it is while nothing more
leaves it. Of a ranking less so many candidates there is one alone, as what a user has consumed
grows from request to request.
"""

from typing import NamedTuple

import numpy as np

from recbole_poem.cache.rankings import Rankings


class Distinct(NamedTuple):
    """U rankings that differ, and who reads which.

    Attributes
    ----------
    rankings : Rankings
        Items (U, N).
    place : (...) int64
        Which of them is read.
    written : (U,) int64
        The request at which each was written; of what is empty it says nothing.
    """

    rankings: Rankings
    place: np.ndarray
    written: np.ndarray


def distinct(rankings: Rankings, written: np.ndarray) -> Distinct:
    """Keep each ranking once, and one for all that are empty.

    Parameters
    ----------
    rankings : Rankings
        As they are read, items (..., N): of the same ranking each reader finds what was left of it
        at some time.
    written : (...) int64
        The requests at which they were written; -1 = none, so that a ranking is empty.
    """
    width = rankings.items.shape[-1]
    left = (rankings.items > 0).sum(axis=-1).ravel()
    keys = np.where(left > 0, written.ravel() * (width + 1) + left, 0)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return Distinct(
        rankings.flat().taken(first), place.reshape(written.shape), written.ravel()[first]
    )
