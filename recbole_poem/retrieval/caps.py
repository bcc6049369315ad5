"""Caps on the rows that are counted: what bounds the pairs of users and items with very many rows.

A user of n rows makes n² pairs of a cosine, and an item of many users has as many neighbours as
these have items. Swing has the same two caps. What is kept of a user depends on that user's rows
alone, and what is kept of an item on the users of one fold: a fold that a request is ranked without
moves nothing of what it is ranked by. Hence an item keeps a share of its cap in each fold.
"""

from typing import NamedTuple, Optional

import numpy as np
import torch

from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.log.requests import RequestLog


class Caps(NamedTuple):
    """How many rows are counted at most; None is no cap.

    Attributes
    ----------
    max_items_per_user, max_users_per_item : int or None
        From 1. Of users first, then of items, as Swing's.
    n_folds : int
        That the users of an item are spread over.
    seed : int
    """

    max_items_per_user: Optional[int] = None
    max_users_per_item: Optional[int] = None
    n_folds: int = 1
    seed: int = 0

    def kept(self, log: RequestLog, rows: np.ndarray, in_order: bool) -> np.ndarray:
        """Mark the rows of a fold that are counted.

        Parameters
        ----------
        log : RequestLog
        rows : (E,) int64
            Rows that are evidence, ascending, of one fold of users.
        in_order : bool
            Whether the order of a user's rows counts. Then the latest rows of a user are kept, for
            a sample has no neighbours left. Else a uniform sample of the items is: it keeps every
            pair of a user with the same chance, however long ago it was.

        Returns
        -------
        (E,) bool
            All rows of a user with the same item are kept or not, where a sample is drawn.
        """
        kept = np.ones(len(rows), dtype=bool)
        user, item = log.user[rows], log.item[rows]
        if self.max_items_per_user is not None:
            cap = self.max_items_per_user
            kept = _latest(user, cap) if in_order else self._sample(user, item, cap, by_item=False)
        if self.max_users_per_item is not None:
            cap = -(-self.max_users_per_item // self.n_folds)
            kept[kept] = self._sample(item[kept], user[kept], cap, by_item=True)
        return kept

    def _sample(self, group: np.ndarray, member: np.ndarray, cap: int, by_item: bool) -> np.ndarray:
        """Mark rows (E,) of up to `cap` members of each group, drawn uniformly by their ids."""
        kept = np.ones(len(group), dtype=bool)
        # no more is drawn than has to be
        large = np.flatnonzero((np.bincount(group) > cap)[group]) if len(group) else group
        if len(large):
            keys = torch.from_numpy(group[large]), torch.from_numpy(member[large])
            noise = uniform(self.seed, Purpose.CAP, int(by_item), *keys).numpy()
            order = np.lexsort((member[large], noise, group[large]))
            whose, who = group[large][order], member[large][order]
            is_new = np.r_[True, (whose[1:] != whose[:-1]) | (who[1:] != who[:-1])]
            number = np.cumsum(is_new)  # of the different members, over all groups
            first = np.r_[True, whose[1:] != whose[:-1]]
            before = number[first] - 1
            kept[large[order]] = number - before[np.cumsum(first) - 1] <= cap
        return kept


def _latest(user: np.ndarray, cap: int) -> np.ndarray:
    """Mark the last `cap` rows of each user (E,), who are in blocks."""
    _, first, length = np.unique(user, return_index=True, return_counts=True)
    return np.arange(len(user)) >= np.repeat(first + length - cap, length)
