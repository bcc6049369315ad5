"""Scores and ranks of requests from estimated similarities; the equation stands in `item_to_item`.

The requests of one fold are scored in small blocks. A block looks at the columns that its users'
latest items reach and at no others, so its memory grows with the neighbours of a few items and not
with the catalogue; in these columns everything is dense.
"""

from dataclasses import dataclass
from typing import Iterator, NamedTuple, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse

from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.selection import best_fused

_CELLS = 2**19  # of one objective's scores in a block: they shall stay in the processor's cache
_ALIGNED = 64  # columns; so that every column of every block is summed by the same instructions


class _Sums(NamedTuple):
    """The weighted sums of rows of a table that a block asks for: one per objective and request.

    Attributes
    ----------
    rows : (U,) int64
        The distinct rows of the table.
    places : (E,) int64
        Into `rows`, sum by sum, the latest item first.
    weight : (E,) float32
    begin : (M * B + 1,) int64
        Where the rows of each sum begin.
    """

    rows: np.ndarray
    places: np.ndarray
    weight: np.ndarray
    begin: np.ndarray


@dataclass(frozen=True)
class ItemScores:
    """Ranks the requests of a log; plain arrays, so that it travels to workers.

    Attributes
    ----------
    log : RequestLog
    fold : (n_users,) int64
    weight : (M, h) float32
        Of the user's latest rows, the last one first; 0 where an objective does not look.
    positive : (M, R) bool
        y, the rows that count.
    similarities : one (S * n_items, n_items) float32 per fold
        The S different similarities, one below the other.
    which : (M,) int64
        The similarity of each objective.
    gains : (M, N) float32
        What each of the first N ranks of each objective is worth; see `selection.best_fused`.
    """

    log: RequestLog
    fold: np.ndarray
    weight: np.ndarray
    positive: np.ndarray
    similarities: Sequence[sparse.csr_matrix]
    which: np.ndarray
    gains: np.ndarray

    def rank(self, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Rank the catalogue for `requests` (B,).

        Returns
        -------
        items (B, N) int32, best first, 0 = none, and raw scores (B, N, M) float32.
        """
        n_objectives, n = self.gains.shape
        items = np.zeros((len(requests), n), dtype=np.int32)
        scores = np.zeros((len(requests), n, n_objectives), dtype=np.float32)
        for fold, block in self._blocks(requests):
            items[block], scores[block] = self._rank_block(requests[block], fold)
        return items, scores

    def _blocks(self, requests: np.ndarray) -> Iterator[Tuple[int, np.ndarray]]:
        """Cut `requests` into (fold, places in them), each of one fold and in their order."""
        size = min(max(_CELLS // self.log.n_items, 16), 64)
        fold = self.fold[self.log.user[requests]]
        for f in np.unique(fold):
            members = np.flatnonzero(fold == f)
            for begin in range(0, len(members), size):
                yield int(f), members[begin : begin + size]

    def _rank_block(self, requests: np.ndarray, fold: int) -> Tuple[np.ndarray, np.ndarray]:
        columns, scores = self._score(requests, fold)
        best = best_fused(scores, self.gains)
        kept = scores[:, np.arange(len(requests))[:, None], best]  # (M, B, N)
        return columns[best], kept.transpose(1, 2, 0)

    def _score(self, requests: np.ndarray, fold: int) -> Tuple[np.ndarray, np.ndarray]:
        """Score every item that the histories reach.

        Returns
        -------
        columns : (W,) int64
            Those items, ascending, after item 0 and before further zeros for the alignment.
        scores : (M, B, W) float32
            0 where the user has consumed the item.
        """
        sums = self._sums(requests)
        columns, column_of, table = _reached(self.similarities[fold][sums.rows])
        summed = F.embedding_bag(
            torch.from_numpy(sums.places),
            torch.from_numpy(table),
            torch.from_numpy(sums.begin),
            mode="sum",
            per_sample_weights=torch.from_numpy(sums.weight),
            include_last_offset=True,
        )
        scores = summed.numpy().reshape(len(self.which), -1)
        index, row = self.log.rows_before(requests)
        scores[:, index * len(columns) + column_of[self.log.item[row]]] = 0
        return columns, scores.reshape(len(self.which), len(requests), len(columns))

    def _sums(self, requests: np.ndarray) -> _Sums:
        age = np.arange(self.weight.shape[1])
        row = requests[:, None] - 1 - age  # (B, h)
        is_own = row >= self.log.first[requests][:, None]
        row = np.maximum(row, 0)
        counts = self.positive[:, row]  # (M, B, h)
        counts &= is_own
        counts &= self.weight[:, None, :] > 0
        items = self.log.item[row] + (self.which * self.log.n_items)[:, None, None]
        rows, places = np.unique(items[counts], return_inverse=True)
        weight = np.broadcast_to(self.weight[:, None, :], counts.shape)[counts]
        return _Sums(rows, places, weight, np.r_[0, np.cumsum(counts.sum(axis=2))])


def _reached(rows: sparse.csr_matrix) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write some rows of similarities in the columns that they reach, densely.

    Returns
    -------
    columns : (W,) int32
        Item 0, the items reached, ascending, and zeros up to a multiple of `_ALIGNED`.
    column_of : (n_items,) int32
        The place of an item in `columns`; 0 where it is not reached.
    table : (max(U, 1), W) float32
    """
    n_rows, n_items = rows.shape
    is_reached = np.zeros(n_items, dtype=bool)
    is_reached[rows.indices] = True
    reached = np.flatnonzero(is_reached)
    columns = np.zeros(-(-(len(reached) + 1) // _ALIGNED) * _ALIGNED, dtype=np.int32)
    columns[1 : len(reached) + 1] = reached
    column_of = np.zeros(n_items, dtype=np.int32)
    column_of[reached] = np.arange(1, len(reached) + 1)
    shape = (max(n_rows, 1), len(columns))
    begin = rows.indptr if n_rows else np.zeros(2, dtype=np.int32)
    table = sparse.csr_matrix((rows.data, column_of[rows.indices], begin), shape)
    return columns, column_of, table.toarray()
