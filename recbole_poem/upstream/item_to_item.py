"""The embedded default of the ranking stage: multi-objective item-to-item ranking, cross-fitted.

For objective m the score of candidate c at request r is

    s_m(r, c) = sum over the user's last h rows j of  decay^age(j) * y_m(j) * sim_m(j, c)

with y_m(j) = 1 where row j meets the objective's feedback and 0 elsewhere. Each similarity is
estimated from the training rows that meet the same feedback. The users are cut into F folds, and
the requests of a fold are scored with similarities estimated without its users: a ranker that had
seen the rows it now ranks would hand the model the answer.

Items that the user has consumed before the request are no candidates.
"""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch
from scipy import sparse

from recbole_poem.upstream.feedback import positive_rows
from recbole_poem.upstream.objectives import Objective
from recbole_poem.upstream.requests import RequestLog
from recbole_poem.upstream.similarity import SIMILARITIES, Counts, normalise


class ItemToItemRanker:
    """Ranks the catalogue for any request of a log; see the module for the equation.

    Parameters
    ----------
    log : RequestLog
        Similarities are estimated from its training rows.
    objectives : sequence of Objective
        M objectives.
    n_candidates : int
        N, the candidates kept per request.
    n_folds : int
        F, at least 2.
    top_k : int
        Similar items kept per item and objective.
    weights : (M,) float
        a_m, the weight of each objective in the choice of the candidates.
    kappa, power : float
        Parameters of the rank weight ``(kappa + rank) ** -power``.
    seed : int
        Decides which user falls into which fold.
    """

    def __init__(
        self,
        log: RequestLog,
        objectives: Sequence[Objective],
        n_candidates: int,
        n_folds: int,
        top_k: int,
        weights: np.ndarray,
        kappa: float,
        power: float,
        seed: int,
    ) -> None:
        self.objectives = [objective.name for objective in objectives]
        self._log = log
        self._specifications = list(objectives)
        self._n_candidates = min(n_candidates, log.n_items - 1)
        self._weights, self._kappa, self._power = weights, kappa, power
        self._settings = {
            "upstream": "item_to_item",
            "objectives": [vars(objective) for objective in objectives],
            "n_candidates": n_candidates,
            "n_folds": n_folds,
            "top_k": top_k,
            "weights": [float(weight) for weight in weights],
            "kappa": kappa,
            "power": power,
            "seed": seed,
        }
        self._fold = np.random.default_rng(seed).permutation(log.n_users) % n_folds
        self._positive = [
            positive_rows(log.values, o.feedback, f"objectives.{o.name}.feedback", len(log))
            for o in objectives
        ]
        self._n_folds, self._top_k = n_folds, top_k
        self._similarity: List[List[sparse.csr_matrix]] = []

    def depends_on(self) -> Dict[str, Any]:
        """Return every setting that the ranking depends on."""
        return self._settings

    def request_start(self) -> np.ndarray:
        """Return the rows themselves: every row has a ranking of its own."""
        return np.arange(len(self._log))

    def rank(self, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Rank the catalogue for `requests` (B,): items (B, N), 0 = none; scores (B, N, M)."""
        if not self._similarity:
            evidence = zip(self._specifications, self._positive)
            self._similarity = [self._estimate(*pair) for pair in evidence]
        index, row = self._log.rows_before(requests)
        scores = np.stack([self._score(m, requests) for m in range(len(self.objectives))])
        scores[:, index, self._log.item[row]] = 0
        return self._select(torch.from_numpy(scores))

    def _estimate(self, objective: Objective, positive: np.ndarray) -> List[sparse.csr_matrix]:
        """Estimate one similarity per fold, from the training rows of all other folds."""
        parameters = dict(objective.parameters)
        shrinkage = parameters.pop("shrinkage")
        log, count = self._log, SIMILARITIES[objective.similarity]
        rows = np.flatnonzero(log.training & positive)
        everyone: Counts = count(log, rows, **parameters)
        return [
            normalise(
                everyone.without(count(log, rows[self._fold[log.user[rows]] == f], **parameters)),
                shrinkage,
                self._top_k,
            )
            for f in range(self._n_folds)
        ]

    def _score(self, m: int, requests: np.ndarray) -> np.ndarray:
        """Score every item for objective m, (B, n_items) float32."""
        log, objective = self._log, self._specifications[m]
        age = np.arange(objective.history)
        history = requests[:, None] - 1 - age  # (B, h)
        rows = np.maximum(history, 0)
        weight = np.where(history >= log.first[requests][:, None], self._positive[m][rows], 0)
        weight = (weight * objective.decay**age).astype(np.float32)
        recent = sparse.csr_matrix(
            (
                weight.ravel(),
                (np.repeat(np.arange(len(requests)), len(age)), log.item[rows].ravel()),
            ),
            (len(requests), log.n_items),
        )
        fold = self._fold[log.user[requests]]
        scores = np.zeros(recent.shape, dtype=np.float32)
        for f in np.unique(fold):
            scores[fold == f] = (recent[fold == f] @ self._similarity[m][f]).toarray()
        return scores

    def _select(self, scores: torch.Tensor) -> Tuple[np.ndarray, np.ndarray]:
        """Keep the N items that inverse-rank fusion of the M rankings puts on top.

        An item takes part in an objective's ranking where its score is positive and it is among
        the objective's first N.
        """
        n_objectives = len(scores)
        fused = torch.zeros(scores.shape[1:])
        rank = torch.arange(1, self._n_candidates + 1, dtype=torch.float32)
        # relative to the first rank, so that a large power does not underflow all of them
        rank_weight = ((self._kappa + rank) / (self._kappa + 1)) ** -self._power
        for m in range(n_objectives):
            top, item = scores[m].topk(self._n_candidates, dim=1)
            fused.scatter_add_(1, item, float(self._weights[m]) * rank_weight * (top > 0))
        best, item = fused.topk(self._n_candidates, dim=1)  # (B, N)
        found = best > 0
        kept = scores.gather(2, item.expand(n_objectives, -1, -1)).permute(1, 2, 0)  # (B, N, M)
        return (item * found).numpy(), (kept * found.unsqueeze(2)).numpy()
