"""Pairs of rows that stand close together in what a user did, in their order or in either."""

from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

import numpy as np
from scipy import sparse

from recbole_poem.log.requests import RequestLog


@dataclass(frozen=True)
class Distance:
    """How far apart the two rows of a pair may be.

    Attributes
    ----------
    steps : int
        The largest distance, in rows of evidence of the same user.
    discount : float
        A pair at distance s counts ``discount ** (s - 1)``.
    within : float or None
        The largest time between the two rows, in the unit of the time field.
    """

    steps: int
    discount: float
    within: Optional[float]

    @property
    def counts_ones(self) -> bool:
        """Whether every pair counts 1: then no order of addition can change a sum."""
        return self.steps == 1 or self.discount == 1


class Transitions:
    """How often an item followed another one: n(j, c) counts c after j.

    d and e are the sums of the rows and of the columns.

    Parameters
    ----------
    log : RequestLog
    rows : (E,) int64
        Rows that are evidence, ascending: distances are told in them.
    kept : (E,) bool
        Which of them may be an end of a pair.
    distance : Distance
    """

    def __init__(
        self, log: RequestLog, rows: np.ndarray, kept: np.ndarray, distance: Distance
    ) -> None:
        self._item, self._kept, self._distance = log.item[rows], kept, distance
        self._time = None if distance.within is None else log.time[rows]
        self._n_items = log.n_items
        _, first, length = np.unique(log.user[rows], return_index=True, return_counts=True)
        place = np.arange(len(rows)) - np.repeat(first, length)
        #: rows of the user before each row, and behind it
        self._before, self._behind = place, np.repeat(length, length) - 1 - place
        ends = np.flatnonzero(kept)
        self._order = ends[np.argsort(self._item[ends], kind="stable")]
        sizes = np.bincount(self._item[ends], minlength=log.n_items)
        self._starts = np.r_[0, np.cumsum(sizes)]

    @property
    def work(self) -> np.ndarray:
        """Rows up to `steps` behind those of each item, (n_items,) int64."""
        return self._work(self._behind)

    def of(self, tile: range) -> sparse.csr_matrix:
        """Count what followed the items of the tile."""
        return self._beside(tile, 1)

    def sums(self, tile: range) -> Tuple[np.ndarray, np.ndarray]:
        """Return what the items of the tile were followed by, and what they followed."""
        if self._distance.counts_ones:
            return self._ends(tile, 1), self._ends(tile, -1)
        return _row_sums(self._beside(tile, 1)), _one_by_one(self._beside(tile, -1))

    def _work(self, *rooms: np.ndarray) -> np.ndarray:
        near = np.zeros(len(self._order), dtype=np.int64)
        for room in rooms:
            near += np.minimum(room[self._order], self._distance.steps)
        return np.diff(np.r_[0, np.cumsum(near)][self._starts])

    def _beside(self, tile: range, way: int) -> sparse.csr_matrix:
        """Count the rows up to `steps` behind the tile's (`way` 1), or before them (-1)."""
        pairs = sparse.csr_matrix((len(tile), self._n_items))
        for step, (one, other) in enumerate(self._near(tile, way)):
            weight = np.full(len(one), self._distance.discount**step)
            place = self._item[one] - tile.start, self._item[other]
            pairs += sparse.csr_matrix((weight, place), pairs.shape)
        return pairs

    def _ends(self, tile: range, way: int) -> np.ndarray:
        """Return how many such rows there are for each item of the tile, (t,) float64."""
        total = np.zeros(len(tile))
        for one, _ in self._near(tile, way):
            total += np.bincount(self._item[one] - tile.start, minlength=len(tile))
        return total

    def _near(self, tile: range, way: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of the tile and those beside them that count, step after step."""
        rows = self._order[self._starts[tile.start] : self._starts[tile.stop]]
        room = (self._behind if way > 0 else self._before)[rows]
        for step in range(1, self._distance.steps + 1):
            one = rows[room >= step]
            other = one + way * step
            counts = self._kept[other]
            if self._time is not None:
                counts &= way * (self._time[other] - self._time[one]) <= self._distance.within
            yield one[counts], other[counts]


class Neighbourhoods(Transitions):
    """How often two items stood close together, in either order; see `Transitions`."""

    @property
    def work(self) -> np.ndarray:
        """Rows up to `steps` before or behind those of each item, (n_items,) int64."""
        return self._work(self._before, self._behind)

    def of(self, tile: range) -> sparse.csr_matrix:
        """Count what stood close to the items of the tile."""
        return (self._beside(tile, 1) + self._beside(tile, -1)).tocsr()

    def sums(self, tile: range) -> Tuple[np.ndarray, np.ndarray]:
        """Return what stood close to the items of the tile, twice."""
        if self._distance.counts_ones:
            near = self._ends(tile, 1) + self._ends(tile, -1)
            return near, near
        pairs = self.of(tile)
        return _row_sums(pairs), _one_by_one(pairs)


def _row_sums(pairs: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(pairs.sum(axis=1)).ravel()


def _one_by_one(pairs: sparse.csr_matrix) -> np.ndarray:
    """Sum each row one entry after the other: as the columns of the whole matrix are summed."""
    return np.asarray(pairs @ np.ones(pairs.shape[1]))
