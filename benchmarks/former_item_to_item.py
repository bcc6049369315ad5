"""The item-to-item ranking before version 2 of its cache, kept as the other side of a benchmark.

It scored the whole catalogue densely, objective by objective, and chose with ``torch.topk``.
"""

from typing import List, Tuple

import numpy as np
import torch
from scipy import sparse

from recbole_poem.core.stage import Choice
from recbole_poem.retrieval.counts import Counts, Pairs, counted
from recbole_poem.retrieval.item_to_item import ItemToItemRanker

Ranked = Tuple[np.ndarray, np.ndarray]


class Former:
    """The item-to-item ranking as it was: dense scores of the catalogue, one objective a time."""

    def __init__(self, ranker: ItemToItemRanker, ties_to_lower: bool = False) -> None:
        self._log, self._fold = ranker._log, ranker._fold
        self._objectives, self._positive = list(ranker._choices.values()), ranker._positive
        self._n_folds, self._top_k, self._gains = ranker._n_folds, ranker._top_k, ranker._gains
        self._ties_to_lower = ties_to_lower

    def estimate(self) -> None:
        """Estimate every similarity, one per objective and fold."""
        pairs = zip(self._objectives, self._positive)
        self._similarity = [self._estimate_one(*pair) for pair in pairs]

    def _estimate_one(self, objective: Choice, positive: np.ndarray) -> List[sparse.csr_matrix]:
        shrinkage = objective.settings.shrinkage
        log, similarity = self._log, objective.make()
        rows = np.flatnonzero(log.training & positive)
        fold = self._fold[log.user[rows]]

        def pairs(of: np.ndarray) -> Pairs:
            return similarity.pairs(log, of, np.ones(len(of), dtype=bool))

        everyone = counted(pairs(rows), log.n_items)
        return [
            former_normalise(
                _without(everyone, counted(pairs(rows[fold == f]), log.n_items)),
                shrinkage,
                self._top_k,
            )
            for f in range(self._n_folds)
        ]

    def rank(self, requests: np.ndarray) -> Ranked:
        """Rank the catalogue for `requests` (B,)."""
        index, row = self._log.rows_before(requests)
        scores = np.stack([self._score(m, requests) for m in range(len(self._objectives))])
        scores[:, index, self._log.item[row]] = 0
        return self._select(torch.from_numpy(scores))

    def _score(self, m: int, requests: np.ndarray) -> np.ndarray:
        log, objective = self._log, self._objectives[m].settings
        age = np.arange(objective.history)
        history = requests[:, None] - 1 - age
        rows = np.maximum(history, 0)
        weight = np.where(history >= log.first[requests][:, None], self._positive[m][rows], 0)
        weight = (weight * objective.decay**age).astype(np.float32)
        place = np.repeat(np.arange(len(requests)), len(age)), log.item[rows].ravel()
        recent = sparse.csr_matrix((weight.ravel(), place), (len(requests), log.n_items))
        fold = self._fold[log.user[requests]]
        scores = np.zeros(recent.shape, dtype=np.float32)
        for f in np.unique(fold):
            scores[fold == f] = (recent[fold == f] @ self._similarity[m][f]).toarray()
        return scores

    def _select(self, scores: torch.Tensor) -> Ranked:
        fused = torch.zeros(scores.shape[1:])
        for of_objective, gain in zip(scores, torch.from_numpy(self._gains)):
            top, item = self._top(of_objective)
            fused.scatter_add_(1, item, gain * (top > 0))
        best, item = self._top(fused)
        found = best > 0
        kept = scores.gather(2, item.expand(len(scores), -1, -1)).permute(1, 2, 0)
        return (item * found).numpy(), (kept * found.unsqueeze(2)).numpy()

    def _top(self, values: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        n = self._gains.shape[1]
        if not self._ties_to_lower:
            best = values.topk(n, dim=1)
            return best.values, best.indices
        value, column = values.sort(dim=1, descending=True, stable=True)
        return value[:, :n].contiguous(), column[:, :n].contiguous()


def _without(everyone: Counts, part: Counts) -> Counts:
    """Return the counts of all users less those of some."""
    pairs = everyone.pairs - part.pairs
    return Counts(pairs, everyone.source - part.source, everyone.target - part.target)


def former_normalise(counts: Counts, shrinkage: float, top_k: int) -> sparse.csr_matrix:
    """Normalise and keep the `top_k` largest of each row, as it was done."""
    pairs = counts.pairs.tocoo()
    kept = (pairs.row != pairs.col) & (pairs.data > 1e-9)
    row, col, data = pairs.row[kept], pairs.col[kept], pairs.data[kept]
    scale = np.sqrt(counts.source[row] * counts.target[col]) + shrinkage
    matrix = sparse.csr_matrix(((data / scale).astype(np.float32), (row, col)), pairs.shape)
    matrix.sort_indices()
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    first = np.sort(order[np.arange(len(order)) - matrix.indptr[row] < top_k])
    return sparse.csr_matrix((matrix.data[first], (row[first], matrix.indices[first])), pairs.shape)
