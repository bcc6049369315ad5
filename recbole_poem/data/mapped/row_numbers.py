"""Row numbers of a mapped log: spans of users, and rows in the order of time."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, List, Optional

import numpy as np
import torch

from recbole_poem.data.mapped.time_sort import in_order_of
from recbole_poem.data.rows import RowNumbers


class Spans(RowNumbers):
    """Rows that stand one behind the other in G spans of a log, or of some of its rows.

    Parameters
    ----------
    begin, size : (G,) int64
        First row of each span, and number of its rows.
    of : (T,) integers, optional
        The rows that the spans count; by default those of the log.
    """

    def __init__(
        self, begin: np.ndarray, size: np.ndarray, of: Optional[np.ndarray] = None
    ) -> None:
        begin, size = begin[size > 0], size[size > 0]
        ends = np.cumsum(size)
        self._ends, self._shift = torch.from_numpy(ends), torch.from_numpy(begin - (ends - size))
        self._of, self._length = of, int(size.sum())

    def __len__(self) -> int:
        return self._length

    def at(self, places: torch.Tensor) -> torch.Tensor:
        """Return the numbers at some places, whose spans are found by bisection."""
        span = torch.searchsorted(self._ends, places, right=True)
        return self._rows(places + self._shift[span])

    def between(self, begin: int, end: int) -> torch.Tensor:
        """Return the numbers from one place to another, span after span."""
        if begin >= end:
            return torch.arange(0)
        ends = torch.tensor([begin, end - 1])
        first, last = torch.searchsorted(self._ends, ends, right=True).tolist()
        bounds = torch.cat([ends[:1], self._ends[first:last], ends[1:] + 1])
        shift = self._shift[first : last + 1].repeat_interleave(bounds.diff())
        return self._rows(torch.arange(begin, end) + shift)

    def _rows(self, found: torch.Tensor) -> torch.Tensor:
        if self._of is None:
            return found
        return torch.from_numpy(self._of[found.numpy()].astype(np.int64))


@dataclass(frozen=True)
class SpanGroups:
    """Rows of G users as `recbole_poem.data.splits.Groups` has them, each user's in one span.

    Attributes
    ----------
    begin, size : (G,) int64
    of : (T,) integers, optional
        See `Spans`.
    """

    begin: np.ndarray
    size: np.ndarray
    of: Optional[np.ndarray] = None

    @property
    def rows(self) -> Spans:
        """All rows, group after group."""
        return Spans(self.begin, self.size, self.of)

    def in_order(self, order: np.ndarray) -> "SpanGroups":
        """Return the groups in another order (G,)."""
        return SpanGroups(self.begin[order], self.size[order], self.of)

    def first(self) -> torch.Tensor:
        """Return the first row of each group, none of which is empty, (G,) int64."""
        return self.rows.at(torch.from_numpy(np.cumsum(self.size) - self.size))

    def cut(self, parts: np.ndarray) -> List[Spans]:
        """Cut every group into P consecutive parts (P, G) and join them across the groups."""
        begin = self.begin + np.cumsum(parts, axis=0, dtype=np.int64) - parts
        return [Spans(each, size.astype(np.int64), self.of) for each, size in zip(begin, parts)]


class InTime(RowNumbers):
    """Rows in the order of a column, ties as they stand: sorted on the disk when first read.

    Parameters
    ----------
    rows : RowNumbers
        In the order of the log.
    column : (R,)
        Of the log, float64.
    folder : Path
        With room for the order.
    """

    def __init__(self, rows: RowNumbers, column: Any, folder: Path) -> None:
        self.rows, self._column, self._folder = rows, column, folder

    def __len__(self) -> int:
        return len(self.rows)

    def in_any_order(self) -> RowNumbers:
        """Return the rows in the order of the log, for which nothing is sorted."""
        return self.rows

    @cached_property
    def _order(self) -> np.ndarray:
        return in_order_of(self.rows, self._column, self._folder)

    def at(self, places: torch.Tensor) -> torch.Tensor:
        """Return the numbers at some places of the order."""
        return torch.from_numpy(np.asarray(self._order[places.numpy()]).astype(np.int64))

    def between(self, begin: int, end: int) -> torch.Tensor:
        """Return the numbers from one place of the order to another."""
        return torch.from_numpy(self._order[begin:end].astype(np.int64))
