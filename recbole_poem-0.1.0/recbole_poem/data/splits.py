"""RecBole's splits by user without a Python loop over rows or users.

RecBole collects the rows of every user in Python lists and cuts the lists user by user
(data/dataset/dataset.py, `_grouped_index` and its callers). The mixin here cuts all users at once
and yields the same rows in the same order.
"""

from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset


def halves(code: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Split `code` (N,), in [0, 2^32), into keys that `numpy.lexsort` sorts in linear time."""
    return code.astype(np.uint16), (code >> 16).astype(np.uint16)


@dataclass(frozen=True)
class Groups:
    """N rows in G groups, in the order in which the groups first occur.

    Attributes
    ----------
    rows : (N,) int64
        The rows, group after group; within a group in their own order.
    size : (G,) int64
        Number of rows of each group.
    """

    rows: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, keys: np.ndarray) -> "Groups":
        """Group the rows by their `keys` (N,)."""
        code = pd.factorize(keys)[0]
        size = np.bincount(code)
        code = halves(code)  # the wide one can go before the sort needs room
        return cls(np.lexsort(code), size)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the rows of each group, as RecBole's own loops want them."""
        return iter(np.split(self.rows, np.cumsum(self.size)[:-1]))

    def cut(self, parts: np.ndarray) -> List[np.ndarray]:
        """Cut every group into P consecutive parts and join them across the groups.

        Parameters
        ----------
        parts : (P, G) int64
            Number of rows of each part in each group; the columns sum to `size`.

        Returns
        -------
        list of P int64 arrays
            The rows of each part, in the order of the groups.
        """
        part = np.tile(np.arange(len(parts), dtype=np.int8), parts.shape[1])
        part = part.repeat(parts.T.ravel())
        return [self.rows[part == number] for number in range(len(parts))]


class GroupedSplitMixin(Dataset):
    """Mixin for any RecBole data set: splits all users at once."""

    def _grouped_index(self, group_by_list: np.ndarray) -> Groups:
        return Groups.of(group_by_list)

    def _split_index_by_leave_one_out(
        self, grouped_index: Groups, leave_one_num: int
    ) -> List[np.ndarray]:
        left_out = np.minimum(leave_one_num, grouped_index.size - 1)
        last_parts = [left_out >= leave_one_num - part for part in range(leave_one_num)]
        return grouped_index.cut(np.stack([grouped_index.size - left_out, *last_parts]))

    def split_by_ratio(self, ratios: List[float], group_by: Optional[str] = None) -> List[Any]:
        """Split as RecBole does; see there for the parameters."""
        if group_by is None:
            return super().split_by_ratio(ratios, group_by)
        shares = [ratio / sum(ratios) for ratio in ratios]
        groups = self._grouped_index(self.inter_feat[group_by].numpy())
        sizes, kind = np.unique(groups.size, return_inverse=True)
        ends = [[0, *self._calcu_split_ids(size, shares), size] for size in sizes]
        indices = groups.cut(np.diff(ends).T[:, kind])
        self._drop_unused_col()
        return [self.copy(self.inter_feat[index]) for index in indices]
