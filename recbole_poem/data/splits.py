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


#: what leave-one-out leaves of each group, by its mode: rows to leave, and of which the parts are
_LEAVE_OUT = {"valid_and_test": (2, (0, 1, 2)), "valid_only": (1, (0, 1)), "test_only": (1, (0, 2))}


class GroupedSplitMixin(Dataset):
    """Mixin for any RecBole data set: splits all users at once."""

    def _grouped_index(self, group_by_list: np.ndarray) -> Groups:
        return Groups.of(group_by_list)

    def _groups(self, field: str) -> Any:
        """Return the rows as `Groups` of equal values in a column."""
        return self._grouped_index(self.inter_feat[field].numpy())

    def _split_index_by_leave_one_out(self, grouped_index: Any, leave_one_num: int) -> List[Any]:
        left_out = np.minimum(leave_one_num, grouped_index.size - 1)
        last_parts = [left_out >= leave_one_num - part for part in range(leave_one_num)]
        return grouped_index.cut(np.stack([grouped_index.size - left_out, *last_parts]))

    def leave_one_out(self, group_by: Optional[str], leave_one_mode: str) -> List[Any]:
        """Split as RecBole does; see there for the parameters."""
        if group_by is None or leave_one_mode not in _LEAVE_OUT:
            return super().leave_one_out(group_by, leave_one_mode)  # which refuses it
        number, places = _LEAVE_OUT[leave_one_mode]
        indices: List[Any] = [[], [], []]
        for place, index in zip(
            places, self._split_index_by_leave_one_out(self._groups(group_by), number)
        ):
            indices[place] = index
        return self._dealt(indices)

    def split_by_ratio(self, ratios: List[float], group_by: Optional[str] = None) -> List[Any]:
        """Split as RecBole does; see there for the parameters."""
        if group_by is None:
            return super().split_by_ratio(ratios, group_by)
        shares = [ratio / sum(ratios) for ratio in ratios]
        groups = self._groups(group_by)
        sizes, kind = np.unique(groups.size, return_inverse=True)
        ends = [[0, *self._calcu_split_ids(size, shares), size] for size in sizes]
        return self._dealt(groups.cut(np.diff(ends).T[:, kind]))

    def _dealt(self, indices: List[Any]) -> List[Any]:
        """Return a data set of the rows of each part."""
        self._drop_unused_col()
        return [self.copy(self.inter_feat[index]) for index in indices]
