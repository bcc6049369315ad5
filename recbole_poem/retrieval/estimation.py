"""One similarity, estimated without the users of each fold, tile by tile."""

from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Iterator, List, NamedTuple, Sequence

import numpy as np
from scipy import sparse

from recbole_poem.core.workers import Map
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.caps import Caps
from recbole_poem.retrieval.counts import Counts, Pairs
from recbole_poem.retrieval.similarities import Similarity
from recbole_poem.retrieval.tiles import Plan, plan


class Sums(NamedTuple):
    """d and e of all items, (n_items,) each; see `Counts`."""

    source: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Question:
    """A similarity that is to be estimated.

    Attributes
    ----------
    similarity : Similarity
    log : RequestLog
    positive : (R,) bool
        Rows that meet its feedback; the training rows among them are its evidence.
    fold : (n_users,) int64
    n_folds : int
    caps : Caps
    """

    similarity: Similarity
    log: RequestLog
    positive: np.ndarray
    fold: np.ndarray
    n_folds: int
    caps: Caps

    def pairs(self) -> List[Pairs]:
        """Return the pairs of each fold, none of them formed."""
        rows = np.flatnonzero(self.log.training & self.positive)
        fold = self.fold[self.log.user[rows]]
        return [self._pairs(rows[fold == f]) for f in range(self.n_folds)]

    def _pairs(self, rows: np.ndarray) -> Pairs:
        kept = self.caps.kept(self.log, rows, self.similarity.in_order)
        return self.similarity.pairs(self.log, rows, kept)

    def plan(self) -> Plan:
        """Look at what counting would take."""
        work = np.stack([pairs.work for pairs in self.pairs()])
        return plan(work, self.similarity.at_once)

    def answers(
        self, tiles: Sequence[range], top_k: int, parallel_map: Map
    ) -> Iterator[List[sparse.csr_matrix]]:
        """Yield the similarities of one tile after the other, without each fold in turn.

        Parameters
        ----------
        tiles : sequence of T range
        top_k : int
        parallel_map : Map
            Takes tiles, twice: to sum their counts, and to weigh them.

        Yields
        ------
        F csr (t, n_items) float32
        """
        folds = self.pairs()
        of_tiles = parallel_map(partial(_sums, folds), tiles)
        by_fold = [[np.concatenate(side) for side in zip(*parts)] for parts in zip(*of_tiles)]
        source, target = (reduce(add, side) for side in zip(*by_fold))
        others = [Sums(source - d, target - e) for d, e in by_fold]
        yield from parallel_map(partial(_weighed, self.similarity, folds, others, top_k), tiles)


def _sums(folds: Sequence[Pairs], tile: range) -> List[Sums]:
    """Sum the counts of a tile in each fold."""
    return [Sums(*pairs.sums(tile)) for pairs in folds]


def _weighed(
    similarity: Similarity,
    folds: Sequence[Pairs],
    others: Sequence[Sums],
    top_k: int,
    tile: range,
) -> List[sparse.csr_matrix]:
    """Return the similarities of a tile that everyone but a fold of users gives, for each fold."""
    parts = [pairs.of(tile) for pairs in folds]
    everyone = reduce(add, parts)
    begin, end = tile.start, tile.stop
    return [
        similarity.weigh(
            Counts(everyone - part, known.source[begin:end], known.target, begin), top_k
        )
        for part, known in zip(parts, others)
    ]
