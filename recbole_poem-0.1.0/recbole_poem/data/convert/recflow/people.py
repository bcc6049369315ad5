"""Which users are converted: all, or so many of those with an exposure."""

from pathlib import Path
from typing import Any, List, Optional

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.data.convert.recflow.reading import parts


class People:
    """Some users.

    Parameters
    ----------
    chosen : (U,) int64, optional
        Their ids; None = all.
    words : str
        Who they are, for a summary.
    """

    def __init__(self, chosen: Optional[np.ndarray] = None, words: str = "all users") -> None:
        self.words = words
        self._is_chosen = None
        if chosen is not None:
            self._is_chosen = np.zeros(int(chosen.max(initial=-1)) + 1, dtype=bool)
            self._is_chosen[chosen] = True

    def among(self, users: np.ndarray) -> np.ndarray:
        """Mark the rows whose user is one of them, (R,) bool."""
        if self._is_chosen is None:
            return np.ones(len(users), dtype=bool)
        known = users < len(self._is_chosen)
        return known & self._is_chosen[np.where(known, users, 0)]


def choose(paths: List[Path], n_users: int, bar: Any = None) -> People:
    """Choose users by a hash of their ids, so that what is chosen of fewer is among it.

    Parameters
    ----------
    paths : list of Path
        The days, of which two columns are read.
    n_users : int
        From 1; all who have an exposure if they are fewer.

    Raises
    ------
    InputError
        If `n_users` is below 1, or a file cannot be read.
    """
    if n_users < 1:
        raise InputError(f"--users: expected 1 or more, not {n_users}")
    seen = np.zeros(0, dtype=bool)
    for path in paths:
        for part in parts(path, ["user_id", "realshow"], bar):
            users = part.ids("user_id")[part.flags("realshow")]
            size = int(users.max(initial=-1)) + 1
            if size > len(seen):
                seen = np.pad(seen, (0, max(size, 2 * len(seen)) - len(seen)))
            seen[users] = True
    ids = np.flatnonzero(seen)
    number = uniform(0, Purpose.SAMPLED_USER, torch.from_numpy(ids)).numpy()
    chosen = ids[np.lexsort((ids, number))[:n_users]]
    return People(chosen, f"{len(chosen):,} of {len(ids):,} users, by a hash of their ids")
